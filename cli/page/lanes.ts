import type { TreeNode } from '../../core/stack/index.js';

/** A node with its place: rows count from the bottom, lanes from the left. */
export interface PlacedNode {
  readonly node: TreeNode;
  readonly row: number;
  readonly lane: number;
  /** Row and lane of what it stands on; null at the bottom. */
  readonly on: { readonly row: number; readonly lane: number } | null;
}

/**
 * Where each node is drawn. What goes on highest keeps the lane of its parent, so that a chain is a straight line;
 * branches stand beside it, one lane to the right, below the line's next node.
 */
export function placeNodes(trees: readonly TreeNode[]): readonly PlacedNode[] {
  const placed: PlacedNode[] = [];
  // The last one is next: without recursion, since a chain may be long.
  const waiting: Omit<PlacedNode, 'row'>[] = [];
  for (const tree of [...trees].reverse()) waiting.push({ node: tree, lane: 0, on: null });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const row = placed.length;
    placed.push({ ...next, row });
    const on = { row, lane: next.lane };
    const [main, ...branches] = next.node.children;
    if (main !== undefined) waiting.push({ node: main, lane: next.lane, on });
    for (const branch of branches.reverse()) {
      waiting.push({ node: branch, lane: next.lane + 1, on });
    }
  }
  return placed;
}
