/**
 * Does something with each item, so many at once, and gives the results in the order of the items. `worker` tells
 * from 0 which of those at once it is: two with the same number never overlap.
 */
export async function atOnce<T, R>(
  items: readonly T[],
  workers: number,
  work: (item: T, worker: number) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const queue = items.entries();
  const run = async (worker: number): Promise<void> => {
    for (const [index, item] of queue) results.set(index, await work(item, worker));
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => run(worker)));
  return items.flatMap((_, index) => {
    const result = results.get(index);
    return result === undefined ? [] : [result];
  });
}
