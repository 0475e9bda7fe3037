/** All samples of the run. */
export const samples: { metric: string; kind: string; value: number; tags: Record<string, string> }[] = [];
/** Kinds of the metrics, by name. */
export const kinds = new Map<string, string>();

/** A class of `k6/metrics`. */
function metricOf(kind: string) {
  return class {
    readonly name: string;

    constructor(name: string) {
      if (!/^[a-zA-Z_][a-zA-Z0-9_]{1,128}$/.test(name)) throw new Error(`invalid metric name: ${name}`);
      if (kinds.has(name)) throw new Error(`metric ${name} exists already`);
      this.name = name;
      kinds.set(name, kind);
    }

    add(value: number | boolean, tags: Record<string, string> = {}): void {
      if (!Number.isFinite(Number(value))) throw new Error(`${this.name}: ${value} is not a number`);
      samples.push({ metric: this.name, kind, value: Number(value), tags });
    }
  };
}

export const Counter = metricOf('counter');
export const Rate = metricOf('rate');
export const Trend = metricOf('trend');
