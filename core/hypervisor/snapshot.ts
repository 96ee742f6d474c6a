import type { BuildId } from '../abi/ids.js';
import type { PayloadState } from '../abi/livepatch.js';
import type { XenRelease } from '../abi/release.js';

/** One payload as the hypervisor holds it. */
export interface LoadedPayload {
  /** May hold any bytes but NUL (latin1-decoded): escape before printing. */
  readonly name: string;
  readonly state: PayloadState;
  /** Result of the last action: 0, a negative errno, or -EAGAIN (-11) while one is in progress. */
  readonly rc: number;
  /** Null where it could not be found out: LIST does not tell ids. */
  readonly buildId: BuildId | null;
  readonly depends: BuildId | null;
  /** Place in the stack, 1 on the hypervisor; null when not applied or when the order is unknown. */
  readonly position: number | null;
  /** `key=value` strings of .modinfo, undecoded. */
  readonly metadata: readonly string[];
  /** Names of the functions it replaces; null where that is not known. */
  readonly functions: readonly string[] | null;
  /** True once it was reverted; null where that is not known (Xen does not tell). */
  readonly reverted: boolean | null;
}

/** What a hypervisor said about itself at one moment. */
export interface Snapshot {
  readonly hypervisor: {
    /** Null where the hypervisor was built without one. */
    readonly buildId: BuildId | null;
    readonly release: XenRelease;
    /** As XENVER_version and extraversion print it, e.g. `4.17.7`. */
    readonly version: string;
  };
  /** In the order of upload, as LIST gives them. */
  readonly payloads: readonly LoadedPayload[];
}

/** The applied payloads, base first. Payloads whose position is unknown come last, in upload order. */
export function stackOf(snapshot: Snapshot): readonly LoadedPayload[] {
  return snapshot.payloads
    .filter((payload) => payload.state === 'APPLIED')
    .sort(
      (a, b) => (a.position ?? Number.MAX_SAFE_INTEGER) - (b.position ?? Number.MAX_SAFE_INTEGER),
    );
}

/** The payload on top of the stack, or null when nothing is applied. */
export function topOf(snapshot: Snapshot): LoadedPayload | null {
  return stackOf(snapshot).at(-1) ?? null;
}

/** False where ids do not tell the order of application, and nobody wrote it down. */
export function isOrderKnown(snapshot: Snapshot): boolean {
  const stack = stackOf(snapshot);
  return stack.length < 2 || stack.every(({ position }) => position !== null);
}

/**
 * Text that is equal exactly for snapshots in which the same payloads are loaded, in the same states
 * and order, and none was reverted in between as far as that is known. A plan carries it, and
 * execution refuses a plan whose snapshot is no longer true.
 */
export function fingerprintOf(snapshot: Snapshot): string {
  return JSON.stringify([
    snapshot.hypervisor.buildId,
    snapshot.payloads.map((p) => [p.name, p.state, p.buildId, p.position, p.reverted]),
  ]);
}
