import type { BuildId } from '../abi/ids.js';
import type { HookKind } from '../abi/livepatch.js';
import type { Finding } from '../findings/index.js';
import type { HostDescription } from '../hypervisor/index.js';

/** Version of the plan's JSON form. */
export const PLAN_FORMAT_VERSION = 1;

/** The verbs that make plans. */
export type PlanCommand =
  | 'apply'
  | 'load'
  | 'upload'
  | 'revert'
  | 'replace'
  | 'unload'
  | 'undo'
  | 'recover';

/** What one step does; `none` records that nothing has to be done for a payload. */
export type StepAction = 'upload' | 'apply' | 'revert' | 'replace' | 'unload' | 'none';

/**
 * What has to hold before a payload may be applied: its parent's id is that of the stack's top
 * (`build-id`, Xen's own rule), the code it replaces is what it was made against (`old-code`),
 * `both`, or nothing (`nodeps`).
 */
export type Guard = 'build-id' | 'old-code' | 'both' | 'nodeps';

/** True where the order of application rests on build-ids, and Xen compares them at APPLY. */
export function comparesBuildIds(guard: Guard): boolean {
  return guard === 'build-id' || guard === 'both';
}

/** One thing to be done, or found to be done already. */
export interface Step {
  readonly action: StepAction;
  /** The payload's name on the hypervisor. */
  readonly name: string;
  readonly buildId: BuildId | null;
  readonly depends: BuildId | null;
  /**
   * The file it comes from, as the caller named it. Always there for `upload`; there for an `unload`
   * that makes room for a new upload, which can be taken back with it.
   */
  readonly file?: string;
  /** Digest of the file's bytes. There whenever `file` is, but for `apply` and `replace`. */
  readonly sha256?: string;
  /** Why, in words: starts in lower case, follows "NAME: ". */
  readonly reason: string;
  /** APPLY with NODEPS: Xen does not compare `.livepatch.depends`. Only on `apply`. */
  readonly nodeps?: boolean;
  /**
   * Hooks that Xen runs before the CPUs meet, or `unknown` where the payload's contents are not at hand. Where
   * there may be one, the action is tried once, with a longer timeout: a second try would run it again.
   */
  readonly hooksFirst?: readonly HookKind[] | 'unknown';
  /** The guard that let it pass. Only on `apply` and `replace`. */
  readonly guard?: Guard;
}

/** One applied payload; its place in the list is its position. */
export interface StackEntry {
  readonly name: string;
  readonly buildId: BuildId | null;
  readonly depends: BuildId | null;
}

/** What is going to be done, made from one observation. A value: showing it is all a dry run does. */
export interface Plan {
  readonly formatVersion: typeof PLAN_FORMAT_VERSION;
  readonly command: PlanCommand;
  readonly host: HostDescription;
  /** Of the snapshot it was made from: it is stale once the host's differs. */
  readonly fingerprint: string;
  /** The applied payloads as observed, base first. */
  readonly before: readonly StackEntry[];
  /** The applied payloads once every step is done. */
  readonly after: readonly StackEntry[];
  readonly steps: readonly Step[];
  /** Warnings and notes: an error is thrown, not planned. */
  readonly findings: readonly Finding[];
}

/** What a guard that compares code said about one payload, before the plan was made. */
export interface ApplyTerms {
  /** Xen itself would refuse it by build-id at its turn: this APPLY needs NODEPS. */
  readonly needsNodeps: boolean;
  /** Why it may be applied, in words: starts in lower case, follows "NAME: ". */
  readonly reason: string;
}

/** Where a plan is made, and under which guard. */
export interface PlanOptions {
  readonly host: HostDescription;
  /** `build-id` if it is not given. */
  readonly guard?: Guard;
  /**
   * By file: what the guard said where it compares code. The order of the payloads is then the one it
   * was asked in, and is kept.
   */
  readonly terms?: ReadonlyMap<string, ApplyTerms>;
}

/** True if executing the plan would change something. */
export function changesSomething(plan: Plan): boolean {
  return plan.steps.some((step) => step.action !== 'none');
}
