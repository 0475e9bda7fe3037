/** All samples of the run. */
export const samples: { metric: string; kind: string; value: number; tags: Record<string, string> }[] = [];
/** Kinds of the metrics, by name. */
export const kinds = new Map<string, string>();

abstract class Metric {
  readonly name: string;
  readonly #kind: string;

  constructor(kind: string, name: string) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]{1,128}$/.test(name)) throw new Error(`invalid metric name: ${name}`);
    if (kinds.has(name)) throw new Error(`metric ${name} exists already`);
    this.name = name;
    this.#kind = kind;
    kinds.set(name, kind);
  }

  add(value: number | boolean, tags: Record<string, string> = {}): void {
    if (!Number.isFinite(Number(value))) throw new Error(`${this.name}: ${value} is not a number`);
    samples.push({ metric: this.name, kind: this.#kind, value: Number(value), tags });
  }
}

/** Replaces `k6/metrics`. */
export class Counter extends Metric {
  constructor(name: string) {
    super('counter', name);
  }
}

export class Rate extends Metric {
  constructor(name: string) {
    super('rate', name);
  }
}

export class Trend extends Metric {
  constructor(name: string) {
    super('trend', name);
  }
}
