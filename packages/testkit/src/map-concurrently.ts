/**
 * The results of `work` for all items, in their order, with at most `atOnce` under way. Rejects with the first error
 * once nothing is under way.
 */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const remaining = items.entries();
  const loops = Array.from({ length: atOnce }, async () => {
    for (const [index, item] of remaining) results[index] = await work(item, index);
  });
  for (const loop of await Promise.allSettled(loops)) if (loop.status === 'rejected') throw loop.reason;
  return results;
}
