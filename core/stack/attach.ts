import type { BuildId } from '../abi/ids.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type LoadedPayload, type Snapshot, stackOf } from '../hypervisor/index.js';
import { functionsLost, functionsText } from './cumulative.js';

/** What the next payload has to build on. */
export interface Top {
  readonly id: BuildId;
  /** `the hypervisor` or `NAME, the top of the stack`. */
  readonly text: string;
}

/** What the next payload has to build on. Fails with `hypervisor-no-build-id`, `unknown-stack`. */
export function knownTop(snapshot: Snapshot): Top {
  const stack = stackOf(snapshot);
  const top = stack.at(-1);
  if (top === undefined) {
    const id = snapshot.hypervisor.buildId;
    if (id !== null) return { id, text: 'the hypervisor' };
    throw new XspliceError('hypervisor-no-build-id', 'The hypervisor has no build-id');
  }
  if (stack.length > 1 && stack.some((payload) => payload.position === null)) {
    throw new XspliceError(
      'unknown-stack',
      `${stack.length} payloads are applied, but not in which order is known`,
    );
  }
  if (top.buildId === null) {
    throw new XspliceError(
      'unknown-stack',
      `The build-id of ${nameText(top.name)}, the top of the stack, is not known`,
    );
  }
  return { id: top.buildId, text: `${nameText(top.name)}, the top of the stack` };
}

/** What does not attach: one payload, or several. */
export interface Unattached {
  readonly text: string;
  /** All that they replace; null where that is not known. */
  readonly functions: readonly string[] | null;
  readonly count: number;
}

export function subjectOf(
  { functions }: Pick<LoadedPayload, 'functions'>,
  text: string,
): Unattached {
  return { text, functions, count: 1 };
}

/** The refusal with the id expected, the id found, and what would be needed first. */
export function doesNotAttach(
  snapshot: Snapshot,
  subject: Unattached,
  found: BuildId,
  onto: Top,
  files: Pick<Finding, 'file' | 'otherFiles'> = {},
): XspliceError {
  const [builds, it] = subject.count === 1 ? ['builds', 'it'] : ['build', 'they'];
  const message = `${subject.text} ${builds} on ${found}, but what ${it} would be applied on is ${onto.text} (${onto.id})`;
  const hint = whatIsNeededFirst(snapshot, found, subject);
  const why = finding('does-not-attach', {
    message,
    hint,
    ...(files.file === undefined ? {} : { file: files.file }),
    ...(files.otherFiles === undefined ? {} : { otherFiles: files.otherFiles }),
    expected: onto.id,
    actual: found,
  });
  return new XspliceError('does-not-attach', message, { hint, findings: [why] });
}

function whatIsNeededFirst(snapshot: Snapshot, parent: BuildId, subject: Unattached): string {
  if (parent === snapshot.hypervisor.buildId) return besideStack(stackOf(snapshot), subject);
  const loaded = snapshot.payloads.find((payload) => payload.buildId === parent);
  if (loaded === undefined) return `Apply the payload with the build-id ${parent} first.`;
  const name = nameText(loaded.name);
  return loaded.state === 'APPLIED'
    ? `It builds on ${name}, which has other payloads above it: revert --to ${name} first.`
    : `It builds on ${name}, which is loaded but not applied: apply ${name} first.`;
}

/** What to do with a payload that builds on the hypervisor, where the stack holds others. */
function besideStack(stack: readonly LoadedPayload[], { functions, count }: Unattached): string {
  const names = stack.map(({ name }) => nameText(name)).join(', ');
  const [them, builds] = count === 1 ? ['it', 'It builds'] : ['one of them', 'They build'];
  const there = `${builds} on the hypervisor itself, and the stack already holds ${names}.`;
  const isKnown = functions !== null && stack.every((payload) => payload.functions !== null);
  const lost = functions === null ? [] : functionsLost(stack, { functions });
  const loss = !isKnown
    ? `which fixes of ${names} would go is not known`
    : lost.length === 0
      ? 'it replaces every function that they do'
      : `the fix of ${functionsText(lost)} would go`;
  return `${there} Fixes that do not depend on each other: --mode independent. To leave only ${them} applied: replace, or revert --to base first; ${loss}.`;
}
