import { type BuildId, shortId } from '../../core/abi/ids.js';
import { nameText } from '../../core/abi/payload-name.js';
import type { CheckReport } from '../../core/check/index.js';
import type { ChainMember } from '../../core/payload/index.js';
import { stackTree, type TreeNode } from '../../core/stack/index.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import { type Cell, renderTable } from '../terminal/table.js';

/** What is built on one thing and has no place in the chain. */
interface Group {
  readonly on: TreeNode;
  readonly nodes: readonly TreeNode[];
}

/** Ours: branches of branches of so many are no deeper on the screen. */
const MAX_INDENT = 24;

/**
 * The payloads that have no place in the chain, on what they build on: where it forks, where a parent is missing, where
 * parents lead round. A line a payload; what builds on it stands below it, and more than one of these are branches.
 * Empty where the chain has all, and where the hypervisor's id is not known: nothing is known to be missing then.
 */
export function renderBranches(
  { members, chain, buildId }: Pick<CheckReport, 'members' | 'chain' | 'buildId'>,
  verdictOf: (file: string) => Cell,
  style: Style,
): string {
  if (buildId === null || members.length === chain.length) return '';
  const others = new Set(
    members.flatMap(({ xenDepends: id }) => (id === null || id === buildId ? [] : [id])),
  );
  return groupsOf(members, chain, buildId)
    .map((group) => {
      const title = `${style.bold('Not in the chain')}: ${escapeText(titleOf(group, others))}`;
      const rows = linesOf(group.nodes).map(({ lead, member }): readonly (string | Cell)[] => [
        `${lead}${nameText(member.name)}`,
        member.buildId === null ? '' : shortId(member.buildId),
        member.file,
        verdictOf(member.file),
      ]);
      return `${title}\n${renderTable(rows, style, { indent: '  ' })}`;
    })
    .join('\n');
}

function groupsOf(
  members: readonly ChainMember[],
  chain: readonly ChainMember[],
  base: BuildId,
): readonly Group[] {
  const inChain = new Set(chain);
  const isIn = ({ member }: TreeNode) => member !== null && inChain.has(member);
  return stackTree(members, base).flatMap((root) => {
    const groups: Group[] = [];
    for (let on: TreeNode | undefined = root; on !== undefined; on = on.children.find(isIn)) {
      const nodes = on.children.filter((child) => !isIn(child));
      if (nodes.length > 0) groups.push({ on, nodes });
    }
    return groups;
  });
}

/** `hypervisors` are the ids of others that payloads were built for. */
function titleOf({ on, nodes }: Group, hypervisors: ReadonlySet<BuildId>): string {
  const on1 = nodes.length > 1 ? `${nodes.length} branches on` : 'on';
  const { kind, id, member } = on;
  if (kind === 'base') return `${on1} the hypervisor`;
  if (kind === 'loop') return 'building on each other in a circle';
  if (member !== null) return `${on1} ${nameText(member.name)}`;
  if (id === null) return 'with no parent that can be read';
  return hypervisors.has(id)
    ? `${on1} another hypervisor, ${shortId(id)}`
    : `${on1} ${shortId(id)}, which is not among the files`;
}

interface Line {
  /** What stands before the name. */
  readonly lead: string;
  readonly member: ChainMember;
}

/** Without recursion: a branch may be as long as there are files. */
function linesOf(nodes: readonly TreeNode[]): readonly Line[] {
  const lines: Line[] = [];
  const open = leading(nodes, '');
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, lead, below } = next;
    if (node.member !== null) lines.push({ lead, member: node.member });
    for (const child of leading(node.children, below)) open.push(child);
  }
  return lines;
}

/** The nodes beside each other, last first, with what leads each and all that is below it. */
function leading(nodes: readonly TreeNode[], before: string) {
  const isBranch = nodes.length > 1 && before.length < MAX_INDENT;
  return nodes
    .map((node, index) => {
      const isLast = index === nodes.length - 1;
      return {
        node,
        lead: isBranch ? `${before}${isLast ? '└─ ' : '├─ '}` : before,
        below: isBranch ? `${before}${isLast ? '   ' : '│  '}` : before,
      };
    })
    .reverse();
}
