/** The last figure of a series, its lowest and its highest. Undefined when it has none. */
export function summarizeSeries(
  values: readonly (number | null)[],
): { last: number | null; low: number; high: number } | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low > high ? undefined : { last: values.at(-1) ?? null, low, high };
}

/** Rows of the table that replaces a chart: one per minute, newest first, with the average of each series. */
export function averagePerMinute(
  times: readonly number[],
  series: readonly (readonly (number | null)[])[],
): { minute: number; averages: (number | null)[] }[] {
  const minutes = new Map<number, { sum: number; count: number }[]>();
  for (const [index, at] of times.entries()) {
    const minute = Math.floor(at / 60_000) * 60_000;
    const sums = minutes.get(minute) ?? series.map(() => ({ sum: 0, count: 0 }));
    minutes.set(minute, sums);
    for (const [line, values] of series.entries()) {
      const value = values[index];
      const cell = sums[line];
      if (!cell || value === null || value === undefined) continue;
      cell.sum += value;
      cell.count += 1;
    }
  }
  return [...minutes]
    .map(([minute, sums]) => ({ minute, averages: sums.map(({ sum, count }) => (count === 0 ? null : sum / count)) }))
    .toReversed();
}
