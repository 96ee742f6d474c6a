import type { FunctionFlow } from './flow.js';

/** Ours: more sums than this at one place, and the counter is taken to grow there. */
const MOST_SUMS = 16;

/**
 * By how much a function may have changed a counter when it is left, over all ways through it; `steps` are the
 * instructions that change it. Null where that has no bound, or where a step lies on no way: behind a ud2, say.
 */
export function exitSums(
  { start, steps: instructions }: FunctionFlow,
  steps: ReadonlyMap<bigint, number>,
): ReadonlySet<number> | null {
  const sums = new Map<bigint, ReadonlySet<number>>([[start, new Set([0])]]);
  const exits = new Set<number>();
  const open: bigint[] = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const step = instructions.get(at);
    if (step === undefined) continue;
    const by = steps.get(at) ?? 0;
    const after = [...(sums.get(at) ?? [])].map((sum) => sum + by);
    if (step.exit !== null) for (const sum of after) exits.add(sum);
    // What BUG and ASSERT do not let on; what WARN does comes back by a jump.
    if (step.instruction.flow === 'trap') continue;
    for (const next of step.next) {
      const known = sums.get(next);
      const joined = new Set([...(known ?? []), ...after]);
      if (known !== undefined && joined.size === known.size) continue;
      if (joined.size > MOST_SUMS) return null;
      sums.set(next, joined);
      open.push(next);
    }
  }
  return [...steps.keys()].every((at) => sums.has(at)) ? exits : null;
}

/** How a function counts. */
export interface Counting {
  readonly sums: ReturnType<typeof exitSums>;
  readonly steps: ReadonlyMap<bigint, number>;
}

/** Of code that does not touch the counter, or is not there. */
export const NOT_COUNTED: Counting = { sums: new Set([0]), steps: new Map() };

/**
 * Whether new code leaves a counter as it found it, or as the code that it replaces may leave it: an unlock that is
 * inlined takes off what a lock added that is called. Where that has no bound in either, since the two are in a loop,
 * the same steps count as the same.
 */
export function isBalanced(now: Counting, before: Counting): boolean {
  if (now.sums !== null) {
    return [...now.sums].every((sum) => sum === 0 || before.sums?.has(sum) === true);
  }
  const sorted = ({ steps }: Counting) => [...steps.values()].sort((a, b) => a - b).join();
  return before.sums === null && sorted(now) === sorted(before);
}
