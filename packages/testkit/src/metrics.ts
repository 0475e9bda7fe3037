/** The value of each Prometheus metric of the admin servers `urls`, summed over its labels and over the processes. */
export async function readMetrics(urls: readonly string[], withinMs = 5_000): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  const texts = await Promise.all(
    urls.map(async (url) => (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(withinMs) })).text()),
  );
  for (const [, name = '', value] of texts.flatMap((text) => [...text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)])) {
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
