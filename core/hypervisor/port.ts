import type { LIVEPATCH_ACTION } from '../abi/livepatch.js';
import type { Verdict } from '../verify/index.js';
import type { Snapshot } from './snapshot.js';

/** Which hypervisor a port leads to, and what it tells of itself beyond the rest. */
export interface HostDescription {
  /** What --host would say, in every output: `xen`, or `embedded:DIR`. */
  readonly spec: string;
  /** Whether it tells which payloads were reverted before, which then must not be applied again. */
  readonly tellsReverted: boolean;
  /** Whether it tells where in memory payloads lie; else their places are computed. */
  readonly tellsPlaces: boolean;
}

export type Action = keyof typeof LIVEPATCH_ACTION;

export interface ActionOptions {
  /** Time for all CPUs to meet, in nanoseconds; 0 is Xen's own default (30 ms). */
  readonly timeoutNs: number;
  /** Skip the comparison of .livepatch.depends at APPLY. */
  readonly nodeps: boolean;
}

/**
 * Both of Xen's answers to one operation. They differ: see design.md, "Two answers". A success is
 * `hypercallRc === 0 && (payloadRc ?? 0) === 0`.
 */
export interface OperationResult {
  /** 0 or a negative errno. */
  readonly hypercallRc: number;
  /** The payload's own rc after the operation; null where there is no such payload (any more). */
  readonly payloadRc: number | null;
  /** What Xen printed about it, without the `livepatch: ` prefix and unescaped. Empty if unknown. */
  readonly log: readonly string[];
  /** What core/verify made of it, with the reason and its place; absent from a real Xen, which does not tell. */
  readonly verdict?: Verdict;
  /** From the first hypercall to the last answer. */
  readonly elapsedMs: number;
}

/** True when both answers say that it was done. */
export function succeeded(result: OperationResult): boolean {
  return result.hypercallRc === 0 && (result.payloadRc ?? 0) === 0;
}

/**
 * What the machine of a hypervisor does by itself when the way to it breaks in a change: it takes back, last first, what
 * was done since `begin`, and stops where something is not as this program left it.
 */
export interface LastWill {
  /** From here on, what is done is to be taken back. `verb` is what was asked for. False where that cannot be. */
  begin(verb: string): Promise<boolean>;
  /** What was done stays. Where this fails, nobody knows which of the two is true. */
  drop(): Promise<void>;
  /**
   * Since then, and again from `drop` on, the machine waits so long by itself, however the way to it ends, and takes back what
   * was done if this file of its own is then as it was at the end. False where it does not: nothing was begun, or another
   * one waits.
   */
  stay(file: string, seconds: number): Promise<boolean>;
  /** Whether somebody waits so for a file in this folder. */
  isAwaited(folder: string): Promise<boolean>;
  /** What was taken back before is known by now. */
  forget(): void;
}

/**
 * A hypervisor that holds payloads. Two implementations: the one under this dom0 (xen/) and the
 * rules of core/verify with their state on disk (embedded/).
 *
 * A refusal by the hypervisor is a result. An XspliceError means that it could not be asked.
 */
export interface HypervisorPort {
  readonly host: HostDescription;
  observe(): Promise<Snapshot>;
  /** Uploads these very bytes under a name; the payload is then CHECKED. */
  upload(name: string, bytes: Uint8Array): Promise<OperationResult>;
  /** Runs an action to completion. */
  act(name: string, action: Action, options: ActionOptions): Promise<OperationResult>;
  /**
   * Runs something, calls of this port included, while no other run of this program changes the hypervisor. Fails
   * with `state-locked` where another one does not end in time; what `run` throws is thrown.
   */
  exclusive<T>(run: () => Promise<T>): Promise<T>;
  /** Absent where this program's end is the end of all that it does. */
  readonly lastWill?: LastWill | undefined;
  /** Releases handles and locks. Safe to call twice. */
  close(): Promise<void>;
}
