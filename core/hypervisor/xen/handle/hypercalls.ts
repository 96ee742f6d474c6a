import type { GuestBytes } from '../../../abi/sysctl.js';

/** Bytes that are put somewhere before a hypercall. */
export interface Send {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/**
 * Repeats a hypercall while the u32 at this address is this value and the result is no errno: a few times at once,
 * then with pauses that grow to ten milliseconds.
 */
export interface Poll {
  readonly address: bigint;
  readonly value: number;
  /** No repetition begins after so long. */
  readonly limitMs: number;
}

/** A hypercall with all that it reads and writes: it does not matter what was called before. */
export interface Hypercall {
  readonly hypercall: number;
  readonly arguments: readonly [bigint, bigint?];
  readonly sends: readonly Send[];
  /** Given back afterwards. What Xen leaves of them, and nothing was sent to, is zero. */
  readonly receives: readonly GuestBytes[];
  readonly poll?: Poll;
  /** Sent right before it, where the hypervisor is under another machine: a change of the agent's last will. */
  readonly will?: Uint8Array;
}

export interface HypercallAnswer {
  /** 0 or more, or a negative errno. */
  readonly rc: number;
  /** A copy of what was to be received, in this order. */
  readonly received: readonly Uint8Array[];
}

/**
 * The door to a hypervisor: under this machine, or under another one. The addresses are those of memory that
 * lies where the hypervisor is.
 */
export interface Hypercalls {
  /**
   * Does one. They are done in the order in which they were asked for, each to its end, whatever the one before
   * answered: those that are asked for together share one way there and back.
   */
  call(hypercall: Hypercall): Promise<HypercallAnswer>;
  /** Memory that Xen may read and write, at least this big. It is given back by `close`, or by `free`. */
  allocate(sizeBytes: number): Promise<GuestBytes>;
  free(memory: GuestBytes): Promise<void>;
  /** Gives memory and device back. Safe to call twice. */
  close(): Promise<void>;
}

/** Repetitions without a pause: most actions are over by then. */
export const EAGER_POLLS = 3;
/** Longest pause between two repetitions. */
export const MAX_PAUSE_MS = 10;
