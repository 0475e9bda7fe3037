/** Interval between two samples of the memory of a process, in ms. */
export const MEMORY_INTERVAL_MS = 50;

/** Largest growth since the first sample, in MB. Samples are in bytes. */
export function growthMb(samples: readonly number[] = []): number {
  return Math.round((Math.max(...samples) - (samples[0] ?? 0)) / 1_024 ** 2);
}
