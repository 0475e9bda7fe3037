/**
 * The value of each Prometheus metric of the admin servers `urls`, summed over the processes: of all its labels together
 * as `name`, and of each combination of labels as `name{label="value"}`, as the servers write it.
 */
export async function readMetrics(urls: readonly string[], withinMs = 5_000): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  const texts = await Promise.all(
    urls.map(async (url) => (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(withinMs) })).text()),
  );
  for (const [, name = '', labels = '', value] of texts.flatMap((text) => [...text.matchAll(LINE)])) {
    for (const key of new Set([name, name + labels])) sums.set(key, (sums.get(key) ?? 0) + Number(value));
  }
  return sums;
}

const LINE = /^(\w+)(\{[^}]*\})? (\S+)$/gm;
