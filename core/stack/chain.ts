import type { BuildId } from '../abi/ids.js';
import { type Finding, finding } from '../findings/index.js';
import type { ChainMember } from '../payload/index.js';
import {
  alternativesFinding,
  cumulativeFinding,
  cycleFinding,
  duplicateContentFinding,
  duplicateIdFinding,
  forkFinding,
  hypervisorIdFinding,
  missingParentFinding,
  severalRootsFinding,
  unlinkedFinding,
  wrongHypervisorFinding,
} from './chain-findings.js';
import { areAlternatives, isNamedCumulative } from './cumulative.js';

/** What a set of payload files is, seen as layers on one base. */
export interface ChainReport {
  /**
   * In the order of application: from the base up, as far as each step is the only one possible. It
   * is the whole set only if no finding is an error. Empty where several files could come first.
   */
  readonly chain: readonly ChainMember[];
  /**
   * Payloads both of whose parents are the hypervisor and on which no other file builds: each is
   * used alone, by `replace` or on an empty stack. One of these is also the chain; of several, one
   * is to be chosen.
   */
  readonly cumulative: readonly ChainMember[];
  /** Errors are rejections; warnings and notes are not. In a fixed order. */
  readonly findings: readonly Finding[];
}

/**
 * Puts payload files, given in any order, into the order in which they can be applied on `base`:
 * the hypervisor (null where none of them says which), or the payload on top of a running stack. Takes linear time but for one sort.
 *
 * Links are compared as Xen's APPLY does it: `.livepatch.depends` is the id of the payload below, or
 * the hypervisor's for the first (build_id_dep, common/livepatch.c); `.livepatch.xen_depends` is the
 * hypervisor's id in every payload (xen_build_id_dep, since 4.14).
 *
 * Errors: `no-payloads`, `duplicate-content`, `duplicate-build-id`, `wrong-hypervisor` (one for
 * each wrong id), `several-roots`, `fork`, `missing-parent` (one for each missing id, however many
 * files hang on it), `cycle`. Not errors: `several-cumulative` (a warning: nothing is built on any of these, and of
 * each two one holds the fixes of the other, by XenServer's name or by the functions it replaces; each is valid alone,
 * but only one of them is to be used), `cumulative` and `not-linked` (notes). What builds on the hypervisor where
 * the base is another is not in the chain, and no finding. A file without a readable id is left to
 * the reader's own findings: here it is only noted as not linked. A file named twice counts once.
 */
export function checkChain(
  members: readonly ChainMember[],
  hypervisorId: BuildId | null,
  base: BuildId | null = hypervisorId,
): ChainReport {
  if (members.length === 0) {
    const message = 'No payload was given, so there is nothing to chain';
    const nothing = finding('no-payloads', { message });
    return { chain: [], cumulative: [], findings: [nothing] };
  }
  const given = inFileOrder(members);
  if (hypervisorId === null || base === null) {
    const unlinked = given.filter(({ buildId, depends }) => buildId === null || depends === null);
    return { chain: [], cumulative: [], findings: unlinked.map(unlinkedFinding) };
  }
  const { linked, findings: unlinked } = linkable(given, base);
  const wrongIds = otherHypervisors(linked, hypervisorId);
  const links = linksOf(linked);

  const chain = trunk(links, base);
  const roots = links.children.get(base) ?? [];
  const cumulative = roots.filter(
    (m) => m.xenDepends === hypervisorId && m.depends === hypervisorId && !hasChildren(links, m),
  );
  const findings = [
    ...unlinked,
    ...[...wrongIds].map(([id, group]) => wrongHypervisorFinding(id, hypervisorId, group)),
    ...checkRoots(roots, cumulative, base),
    ...(given.length === 1 ? cumulative.filter(isNamedCumulative).map(cumulativeFinding) : []),
    ...(chain.length === linked.length
      ? []
      : unchained(links, base, hypervisorId, wrongIds, given)),
  ];
  return { chain, cumulative, findings };
}

/** What is wrong where not all have a place in the chain. */
function unchained(
  links: Links,
  base: BuildId,
  hypervisorId: BuildId,
  wrongIds: ReadonlyMap<BuildId, unknown>,
  given: readonly ChainMember[],
): readonly Finding[] {
  return [
    ...checkForks(links, base),
    ...checkMissing(links, [base, hypervisorId], wrongIds, given),
    ...checkCycles(links, base),
  ];
}

/** Several that build on the base: alternatives, or too many. */
function checkRoots(
  roots: readonly ChainMember[],
  cumulative: readonly ChainMember[],
  base: BuildId,
): readonly Finding[] {
  if (roots.length < 2) return [];
  return [
    cumulative.length === roots.length && areAlternatives(roots)
      ? alternativesFinding(roots)
      : severalRootsFinding(roots, base),
  ];
}

interface Links {
  readonly byId: ReadonlyMap<BuildId, ChainMember>;
  /** By the id of the parent, which need not be among the members. */
  readonly children: ReadonlyMap<BuildId, readonly ChainMember[]>;
}

function inFileOrder(members: readonly ChainMember[]): readonly ChainMember[] {
  const byFile = new Map(members.map((member) => [member.file, member]));
  return [...byFile.values()].sort((a, b) => compareText(a.file, b.file));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function groupBy<K, V>(values: Iterable<V>, keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

/** One member for each build-id: the first by file name stands for its duplicates. */
function linkable(
  members: readonly ChainMember[],
  base: BuildId,
): { readonly linked: readonly ChainMember[]; readonly findings: readonly Finding[] } {
  const isUsual = ({ buildId, depends }: ChainMember) =>
    buildId !== null && buildId !== base && depends !== null;
  if (members.every(isUsual) && new Set(members.map((m) => m.buildId)).size === members.length) {
    return { linked: members, findings: [] };
  }
  const findings: Finding[] = [];
  const distinct: ChainMember[] = [];
  for (const group of sameContents(members)) {
    const [first, ...others] = group;
    if (first === undefined) continue;
    distinct.push(first);
    if (others.length > 0) findings.push(duplicateContentFinding(first, others));
  }
  const linked: ChainMember[] = [];
  for (const [id, group] of groupBy(distinct, (m) => m.buildId)) {
    if (id === null) {
      findings.push(...group.map(unlinkedFinding));
      continue;
    }
    const [first, ...others] = group;
    if (first === undefined) continue;
    if (others.length > 0) findings.push(duplicateIdFinding(id, first, others));
    if (id === base) findings.push(hypervisorIdFinding(id, first));
    else linked.push(first);
    if (first.depends === null) findings.push(unlinkedFinding(first));
  }
  return { linked, findings };
}

/** Members by their contents. These are asked about only where ids are the same, since it takes to read the file. */
function sameContents(members: readonly ChainMember[]): readonly (readonly ChainMember[])[] {
  const groups = [...groupBy(members, (m) => m.buildId).values()].flatMap((group) =>
    group.length === 1 ? [group] : [...groupBy(group, (m) => m.sha256).values()],
  );
  return groups.sort(([a], [b]) => compareText(a?.file ?? '', b?.file ?? ''));
}

/** The ids of the other hypervisors that payloads were built for, with these. */
function otherHypervisors(
  members: readonly ChainMember[],
  hypervisorId: BuildId,
): ReadonlyMap<BuildId, readonly ChainMember[]> {
  const others = new Map<BuildId, readonly ChainMember[]>();
  for (const [id, group] of groupBy(members, (m) => m.xenDepends)) {
    if (id !== null && id !== hypervisorId) others.set(id, group);
  }
  return others;
}

function linksOf(members: readonly ChainMember[]): Links {
  const byId = new Map<BuildId, ChainMember>();
  for (const member of members) {
    if (member.buildId !== null) byId.set(member.buildId, member);
  }
  // Kept out of the children: a file whose parent cannot be read. What builds on it still finds it.
  const children = new Map<BuildId, readonly ChainMember[]>();
  for (const [id, group] of groupBy(members, (m) => m.depends)) {
    if (id !== null) children.set(id, group);
  }
  return { byId, children };
}

function childrenOf(links: Links, member: ChainMember): readonly ChainMember[] {
  return (member.buildId === null ? undefined : links.children.get(member.buildId)) ?? [];
}

function hasChildren(links: Links, member: ChainMember): boolean {
  return childrenOf(links, member).length > 0;
}

function checkForks(links: Links, base: BuildId): readonly Finding[] {
  return [...links.children]
    .filter(([parentId, children]) => parentId !== base && children.length > 1)
    .map(([parentId, children]) =>
      forkFinding(parentId, links.byId.get(parentId) ?? null, children),
    );
}

function checkMissing(
  links: Links,
  there: readonly BuildId[],
  wrongIds: ReadonlyMap<BuildId, unknown>,
  members: readonly ChainMember[],
): readonly Finding[] {
  const unreadable = members.filter((m) => m.buildId === null);
  return [...links.children].flatMap(([parentId, children]) => {
    // A payload for another hypervisor stands on that one: it has been reported as such. And no payload is missing
    // where it is the hypervisor that is named.
    if (there.includes(parentId) || links.byId.has(parentId)) return [];
    const left = children.filter((m) => !wrongIds.has(parentId) || m.xenDepends !== parentId);
    if (left.length === 0) return [];
    const above = reach(links, left).slice(left.length);
    return [missingParentFinding(parentId, left, above, unreadable)];
  });
}

/** These members, in their order, and after them all that build on them, parents first. */
function reach(links: Links, from: readonly ChainMember[]): readonly ChainMember[] {
  const found = new Set<ChainMember>(from);
  // A set yields what is added to it while it is walked, each member once: cycles end.
  for (const member of found) {
    for (const child of childrenOf(links, member)) found.add(child);
  }
  return [...found];
}

/** Each member has one parent, so a walk down from it ends at the base, at a gap, or in one cycle. */
function checkCycles(links: Links, base: BuildId): readonly Finding[] {
  const findings: Finding[] = [];
  const walked = new Set<ChainMember>();
  for (const start of links.byId.values()) {
    const path = new Set<ChainMember>();
    let at: ChainMember | undefined = start;
    while (at !== undefined && !walked.has(at)) {
      walked.add(at);
      path.add(at);
      at = at.depends === null || at.depends === base ? undefined : links.byId.get(at.depends);
    }
    if (at === undefined || !path.has(at)) continue;
    const entry = at;
    const steps = [...path];
    const cycle = steps.slice(steps.indexOf(entry));
    const above = reach(links, cycle).slice(cycle.length);
    findings.push(cycleFinding(cycle, above));
  }
  return findings;
}

/** From the base up, while there is exactly one member for the next place. */
function trunk(links: Links, base: BuildId): readonly ChainMember[] {
  const chain: ChainMember[] = [];
  let next = links.children.get(base) ?? [];
  // No member can come twice: each has one parent, and the base is nobody's child.
  while (chain.length < links.byId.size) {
    const [only, ...others] = next;
    if (only === undefined || others.length > 0) break;
    chain.push(only);
    next = childrenOf(links, only);
  }
  return chain;
}
