import type { Bucket, Snapshot } from '../snapshots/snapshot.ts';

/** The buckets of a histogram, merged over some processes. Processes of one version have the same bounds. */
export function mergedBuckets(snapshots: readonly Pick<Snapshot, 'buckets'>[], histogram: string): Bucket[] {
  const merged = new Map<string, Bucket>();
  for (const { buckets } of snapshots) {
    for (const [lower, upper, count] of buckets[histogram] ?? []) {
      const key = `${lower}:${upper}`;
      merged.set(key, [lower, upper, (merged.get(key)?.[2] ?? 0) + count]);
    }
  }
  return [...merged.values()].sort(([a], [b]) => a - b);
}

export function countOf(buckets: readonly Bucket[]): number {
  return buckets.reduce((sum, [, , count]) => sum + count, 0);
}

/**
 * The quantile, as `histogram_quantile` of Prometheus estimates it: evenly spread within a bucket; in the last bucket its
 * lower bound. Undefined without observations.
 */
export function quantileOf(buckets: readonly Bucket[], q: number): number | undefined {
  const total = countOf(buckets);
  if (total === 0) return undefined;
  let left = q * total;
  for (const [lower, upper, count] of buckets) {
    if (left <= count) return upper === null ? lower : lower + ((upper - lower) * left) / count;
    left -= count;
  }
  return buckets.at(-1)?.[1] ?? buckets.at(-1)?.[0];
}
