import { type BuildId, isEfiBuildId } from '../abi/ids.js';
import { type Code, type Finding, finding } from '../findings/index.js';
import type { ChainMember } from '../payload/index.js';
import { functionsLost, functionsText } from './cumulative.js';

/** Most files that one sentence names; `otherFiles` has them all. */
const NAMED_FILES = 6;

export function duplicateContentFinding(
  first: ChainMember,
  others: readonly ChainMember[],
): Finding {
  return error('duplicate-content', [first, ...others], {
    message: `${filesText([first, ...others])} hold the same bytes (SHA-256 ${first.sha256})`,
    hint: 'Remove all but one of them: a payload can be loaded only once.',
  });
}

export function duplicateIdFinding(
  id: BuildId,
  first: ChainMember,
  others: readonly ChainMember[],
): Finding {
  return error('duplicate-build-id', [first, ...others], {
    message: `${filesText([first, ...others])} differ but have the same build-id ${id}`,
    hint: 'Xen loads a build-id only once: rebuild one of them, or remove the wrong one.',
    actual: id,
  });
}

export function hypervisorIdFinding(id: BuildId, member: ChainMember): Finding {
  return error('duplicate-build-id', [member], {
    message: `${member.file} has the build-id ${id} of the very base it is to be applied on`,
    hint: 'A payload needs an id of its own: link it with --build-id.',
    actual: id,
  });
}

export function unlinkedFinding(member: ChainMember): Finding {
  const lacks = member.buildId === null ? 'no build-id of its own' : "no parent's build-id";
  return finding('not-linked', {
    file: member.file,
    message: `${member.file} has ${lacks} that can be read, so it has no place in a chain`,
  });
}

export function wrongHypervisorFinding(
  found: BuildId,
  expected: BuildId,
  members: readonly ChainMember[],
): Finding {
  return error('wrong-hypervisor', members, {
    message: `${filesText(members)} ${plural(members, 'was', 'were')} built for the hypervisor ${found}, not for ${expected}`,
    hint: otherBuildHint(found, expected),
    expected,
    actual: found,
  });
}

/** What to do about a payload for another build: the ids tell an EFI build from the others. */
function otherBuildHint(found: BuildId, expected: BuildId): string {
  if (isEfiBuildId(expected) === isEfiBuildId(found)) {
    return 'Take the payloads that were built for this hypervisor, or name the image they were built for.';
  }
  return isEfiBuildId(expected)
    ? 'This hypervisor has an id of 16 bytes, as the EFI build (xen.efi) has: addresses and names differ from those of xen.gz of the same version. Build the payloads for xen.efi, or boot xen.gz.'
    : 'The payloads name an id of 16 bytes, as an EFI build (xen.efi) has: addresses and names differ from those of xen.gz of the same version. Build them for this one.';
}

export function severalRootsFinding(roots: readonly ChainMember[], base: BuildId): Finding {
  const losses = roots.slice(0, NAMED_FILES).flatMap((root) => {
    const lost = functionsLost(
      roots.filter((other) => other !== root),
      root,
    );
    return lost.length === 0
      ? []
      : [`with ${root.file} the fix of ${functionsText(lost)} would go`];
  });
  const loss = losses.length === 0 ? '' : `; ${losses.join('; ')}`;
  return error('several-roots', roots, {
    message: `${filesText(roots)} all build directly on ${base}, but only one payload can be the first`,
    hint: `Fixes that do not depend on each other: --mode independent. Payloads of which one is used, alone and with replace: --mode alternatives${loss}.`,
    actual: base,
  });
}

export function forkFinding(
  parentId: BuildId,
  parent: ChainMember | null,
  children: readonly ChainMember[],
): Finding {
  const on = parent === null ? parentId : `${parent.file} (build-id ${parentId})`;
  return error('fork', children, {
    message: `${filesText(children)} all build on ${on}, but only one payload can come next`,
    hint: 'Leave out all but one, or rebuild the others on top of it. Fixes that do not depend on each other: --mode independent.',
    actual: parentId,
  });
}

export function missingParentFinding(
  id: BuildId,
  children: readonly ChainMember[],
  above: readonly ChainMember[],
  unreadable: readonly ChainMember[],
): Finding {
  const hanging =
    above.length > 0
      ? `${above.length} more ${plural(above, 'hangs', 'hang')} on it: ${rangeText(above)}. `
      : '';
  const perhaps =
    unreadable.length > 0
      ? ` It may be ${filesText(unreadable, 'or')}, whose own build-id cannot be read.`
      : '';
  return error('missing-parent', [...children, ...above], {
    message: `${filesText(children)} ${plural(children, 'builds', 'build')} on ${id}, which is not among the files given`,
    hint: `${hanging}Add the payload with that build-id.${perhaps}`,
    expected: id,
  });
}

export function cycleFinding(
  cycle: readonly ChainMember[],
  above: readonly ChainMember[],
): Finding {
  const ring = cycle.map((m) => `${m.file} (${m.buildId ?? ''})`);
  const shown =
    ring.length > NAMED_FILES
      ? [...ring.slice(0, NAMED_FILES), `${ring.length} files in all`]
      : ring;
  const message =
    cycle.length === 1
      ? `${shown[0] ?? ''} builds on itself`
      : `These payloads build on one another in a circle: ${shown.join(' on ')}, and so on`;
  const hanging = above.length > 0 ? ` ${above.length} more hang on it: ${rangeText(above)}.` : '';
  return error('cycle', [...cycle, ...above], {
    message,
    hint: `No order of application exists: rebuild one of them on the right parent.${hanging}`,
  });
}

export function alternativesFinding(members: readonly ChainMember[]): Finding {
  return finding('several-cumulative', {
    ...filesOf(members),
    message: `${filesText(members)} are cumulative payloads, each built on the hypervisor alone: only one of them is to be used`,
  });
}

export function cumulativeFinding(member: ChainMember): Finding {
  return finding('cumulative', {
    file: member.file,
    message: `${member.file} is cumulative by its name: it can be applied on an empty stack, or take the place of a stack with replace`,
  });
}

function error(
  code: Code,
  members: readonly ChainMember[],
  rest: Pick<Finding, 'message' | 'hint' | 'expected' | 'actual'>,
): Finding {
  return finding(code, { severity: 'error', ...filesOf(members), ...rest });
}

function filesOf(members: readonly ChainMember[]): Pick<Finding, 'file' | 'otherFiles'> {
  const [first, ...others] = members.map((m) => m.file);
  if (first === undefined) return {};
  return others.length === 0 ? { file: first } : { file: first, otherFiles: others };
}

/** `a, b and c`; long lists are cut and counted. */
export function filesText(members: readonly ChainMember[], joiner = 'and'): string {
  const files = members.map((m) => m.file);
  const last = files.at(-1) ?? '';
  if (files.length === 1) return last;
  if (files.length > NAMED_FILES) {
    const named = files.slice(0, NAMED_FILES - 1).join(', ');
    return `${named} ${joiner} ${files.length - NAMED_FILES + 1} more files`;
  }
  return `${files.slice(0, -1).join(', ')} ${joiner} ${last}`;
}

/** `a` or `a … z`, for members in the order of a chain. */
function rangeText(members: readonly ChainMember[]): string {
  const first = members.at(0)?.file ?? '';
  const last = members.at(-1)?.file ?? '';
  return members.length === 1 ? first : `${first} … ${last}`;
}

function plural(members: readonly unknown[], one: string, many: string): string {
  return members.length === 1 ? one : many;
}
