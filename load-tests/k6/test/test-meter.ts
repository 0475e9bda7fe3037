import type { MetricName, Tags } from '../lib/metrics.ts';

/** A meter that keeps every sample. */
export class TestMeter {
  readonly samples: { name: MetricName; value: number | boolean; tags: Tags }[] = [];

  add(name: MetricName, value: number | boolean, tags: Tags = {}): void {
    this.samples.push({ name, value, tags });
  }

  values(name: MetricName): (number | boolean)[] {
    return this.samples.filter((sample) => sample.name === name).map(({ value }) => value);
  }

  /** Sums of the counters by name; with a tag `code`, also by code. */
  counts(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { name, value, tags } of this.samples) {
      if (typeof value !== 'number' || name.endsWith('_ms')) continue;
      sums[name] = (sums[name] ?? 0) + value;
      if (tags.code) sums[`${name}{code:${tags.code}}`] = (sums[`${name}{code:${tags.code}}`] ?? 0) + value;
    }
    return sums;
  }
}
