import { snapshotOf } from '../../core/hypervisor/embedded/snapshot.js';
import { plainLine } from '../../core/rehearsal/index.js';
import { apply, replace, revert, unload, upload } from '../../core/verify/index.js';
import type { Model } from '../../core/verify/model.js';
import type { Operation } from './sequences.js';
import type { Base, Variant } from './variants.js';

/** What one side said about one variant: an rc and the lines it printed, or that it did not survive. */
export type Said =
  | {
      readonly kind: 'answered';
      readonly rc: number;
      readonly log: readonly string[];
      /** On our side only: that it is an error to us, since what Xen writes where depends on the CPU. */
      readonly dependsOnCpu?: true;
    }
  | { readonly kind: 'died'; readonly reason: string };

/** One variant on which the two sides differ. */
export interface Disagreement {
  readonly variant: Variant;
  readonly predicted: Said;
  readonly seen: Said;
}

/** What core/verify says about a variant, on an otherwise empty hypervisor. */
export function predict(model: Model, bases: readonly [Base, ...Base[]], variant: Variant): Said {
  const base = bases.find(({ name }) => name === variant.base);
  const start = variant.onTopOfBase && base ? upload(model, 'base', base.bytes).model : model;
  const { outcome, hypercallRc, log, strayWrites } = upload(
    start,
    'variant',
    variant.bytes,
  ).verdict;
  if (outcome.outcome === 'fatal') return { kind: 'died', reason: outcome.cause };
  const answer = {
    kind: 'answered',
    rc: hypercallRc ?? 0,
    log: log.map(({ text }) => text),
  } as const;
  return strayWrites === undefined ? answer : { ...answer, dependsOnCpu: true };
}

/**
 * True when both sides gave the same answer for the same reason. Where it depends on the CPU what is written outside the
 * payload's text, Xen may die of it, or refuse the payload: its notes, say, are no longer what they were.
 */
export function agree(predicted: Said, seen: Said): boolean {
  if (predicted.kind === 'answered' && predicted.dependsOnCpu) {
    if (seen.kind === 'died' || seen.rc < 0) return true;
  }
  if (predicted.kind === 'died' || seen.kind === 'died') return predicted.kind === seen.kind;
  return predicted.rc === seen.rc && sameLines(predicted.log, seen.log);
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.map(plainLine).join('\n') === b.map(plainLine).join('\n');
}

/** A disagreement as text, enough to find the variant again. */
export function describe({ variant, predicted, seen }: Disagreement): string {
  const side = (said: Said) =>
    said.kind === 'died' ? `died: ${said.reason}` : `${said.rc} ${JSON.stringify(said.log)}`;
  return [
    `variant ${variant.index} of ${variant.base}${variant.onTopOfBase ? ' on top of it' : ''}: ${variant.changes.join('; ')}`,
    `  predicted ${side(predicted)}`,
    `  seen      ${side(seen)}`,
  ].join('\n');
}

/** One operation's answers as compared: both rcs (of an upload only the hypercall's) and the error lines. */
export type OperationSaid = readonly [
  hypercallRc: number | null,
  payloadRc: number | null,
  log: readonly string[],
];

/** What one side said about a sequence: every answer, and the payloads at its end. */
export interface SequenceSaid {
  readonly answers: readonly OperationSaid[];
  readonly end: readonly unknown[];
}

/** What core/verify says about a sequence on an empty hypervisor. */
export function predictSequence(
  model: Model,
  version: string,
  payloads: ReadonlyMap<string, Uint8Array>,
  operations: readonly Operation[],
): SequenceSaid {
  let current = model;
  const answers = operations.map((operation): OperationSaid => {
    const { verdict, model: next } = operate(current, payloads, operation);
    current = next;
    const log = verdict.log.map(({ text }) => text);
    const payloadRc = operation.verb === 'upload' ? null : verdict.payloadRc;
    return [verdict.hypercallRc, payloadRc, log];
  });
  const end = snapshotOf(current, version).payloads.map(({ name, state, rc, buildId }) => [
    name,
    state,
    rc,
    buildId,
  ]);
  return { answers, end };
}

/** What core/verify answers to one operation, and the hypervisor after it. */
export function operate(
  model: Model,
  payloads: ReadonlyMap<string, Uint8Array>,
  operation: Operation,
): ReturnType<typeof upload> {
  const { name } = operation;
  switch (operation.verb) {
    case 'upload':
      return upload(model, name, payloads.get(operation.payload) ?? new Uint8Array(0));
    case 'apply':
      return apply(model, name, operation);
    case 'revert':
      return revert(model, name);
    case 'replace':
      return replace(model, name);
    case 'unload':
      return unload(model, name);
  }
}

/** The first place where the two sides differ, in words; null where they agree. */
export function differenceOf(
  operations: readonly Operation[],
  predicted: SequenceSaid,
  seen: SequenceSaid,
): string | null {
  for (const [i, operation] of operations.entries()) {
    const a = predicted.answers[i];
    const b = seen.answers[i];
    if (a && b && a[0] === b[0] && a[1] === b[1] && sameLines(a[2], b[2])) continue;
    const before = operations
      .slice(0, i + 1)
      .map(formatOperation)
      .join(', ');
    return `${before}\n  ${formatOperation(operation)}\n  predicted ${JSON.stringify(a)}\n  seen      ${JSON.stringify(b)}`;
  }
  const [a, b] = [JSON.stringify(predicted.end), JSON.stringify(seen.end)];
  return a === b ? null : `end\n  predicted ${a}\n  seen      ${b}`;
}

function formatOperation(operation: Operation): string {
  const { verb, name } = operation;
  if (verb === 'upload') return `upload ${operation.payload} as ${name}`;
  return verb === 'apply' && operation.nodeps ? `apply ${name} nodeps` : `${verb} ${name}`;
}
