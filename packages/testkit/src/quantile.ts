/**
 * The value at a rank of `values` (nearest-rank method): the smallest that at least `share` (0 to 1) of them do not
 * exceed. NaN when there are none. Every percentile that this repository publishes comes from here.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The middle value; of an even count, the mean of the two in the middle. NaN when there are none. */
export function median(values: readonly number[]): number {
  const middle = values.length / 2;
  const sorted = values.toSorted((a, b) => a - b);
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (lower + (sorted[Math.floor(middle)] ?? lower)) / 2;
}
