import type { BuildId } from '../abi/ids.js';
import type { ChainMember } from '../payload/index.js';

/** A place in the picture of a chain. */
export interface TreeNode {
  /** `base`: the hypervisor. `missing`: a parent that is not among the files. `loop`: where parents go round. */
  readonly kind: 'base' | 'payload' | 'missing' | 'loop';
  /** Null but for a payload. */
  readonly member: ChainMember | null;
  /** Null where it is not known. */
  readonly id: BuildId | null;
  /** What builds on it; what goes on highest comes first. */
  readonly children: readonly TreeNode[];
}

/** Payloads on what they build on: the hypervisor first, then each parent that is missing, then circles. */
export function stackTree(
  members: readonly ChainMember[],
  base: BuildId | null,
): readonly TreeNode[] {
  const onParent = new Map<BuildId | null, ChainMember[]>();
  const ids = new Set<BuildId | null>(base === null ? [] : [base]);
  for (const member of members) {
    if (member.buildId !== null) ids.add(member.buildId);
    const others = onParent.get(member.depends);
    if (others === undefined) onParent.set(member.depends, [member]);
    else others.push(member);
  }
  const placed = new Set<ChainMember>();
  const root = (kind: TreeNode['kind'], id: BuildId | null): TreeNode => ({
    ...{ kind, member: null, id },
    children: treesOf(id, onParent, placed),
  });
  const missing = [...onParent.keys()].filter((id) => id === null || !ids.has(id));
  const bottom: TreeNode =
    base === null ? { kind: 'base', member: null, id: null, children: [] } : root('base', base);
  const trees = [bottom, ...missing.map((id) => root('missing', id))];
  // What is left hangs on nothing: its parents lead round.
  for (const member of members) {
    if (!placed.has(member)) trees.push(root('loop', member.depends));
  }
  return trees;
}

/** What builds on an id. Without recursion: a chain may be as long as there are files. */
function treesOf(
  id: BuildId | null,
  onParent: ReadonlyMap<BuildId | null, readonly ChainMember[]>,
  placed: Set<ChainMember>,
): readonly TreeNode[] {
  const take = (parent: BuildId | null): readonly ChainMember[] => {
    const taken = (onParent.get(parent) ?? []).filter((member) => !placed.has(member));
    for (const member of taken) placed.add(member);
    return taken;
  };
  const first = take(id);
  const order: { readonly member: ChainMember; readonly above: readonly ChainMember[] }[] = [];
  const reached = [...first];
  // The list grows while it is walked: parents come before what builds on them.
  for (const member of reached) {
    // What has no id of its own has nothing on it.
    const above = member.buildId === null ? [] : take(member.buildId);
    order.push({ member, above });
    reached.push(...above);
  }
  const nodes = new Map<ChainMember, { readonly node: TreeNode; readonly height: number }>();
  const nodesOf = (list: readonly ChainMember[]) =>
    list.flatMap((member) => nodes.get(member) ?? []).sort((a, b) => b.height - a.height);
  for (const { member, above } of order.reverse()) {
    const children = nodesOf(above);
    nodes.set(member, {
      node: {
        ...{ kind: 'payload', member, id: member.buildId },
        children: children.map(({ node }) => node),
      },
      height: 1 + (children[0]?.height ?? 0),
    });
  }
  return nodesOf(first).map(({ node }) => node);
}
