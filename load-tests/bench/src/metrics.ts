/** The value of each metric of Prometheus text, summed over its labels and over the processes at `urls`. */
export async function readMetrics(urls: readonly string[]): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  const texts = await Promise.all(
    urls.map(async (url) => (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) })).text()),
  );
  for (const text of texts) {
    for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
      sums.set(name, (sums.get(name) ?? 0) + Number(value));
    }
  }
  return sums;
}
