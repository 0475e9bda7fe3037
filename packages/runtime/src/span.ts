/** A sampled span in progress. */
export interface Span {
  /** Makes other spans, in this process or in another, children of this one. */
  readonly traceparent: string;
  /** Runs `work` with this span as the current one, also in everything that `work` calls and awaits. */
  run<T>(work: () => T): T;
  /** Ends the span; to be called once. `failed`: because of a fault of this system. */
  end(outcome?: { name?: string; attributes?: Record<string, string | number>; failed?: boolean }): void;
}

export interface SpanOptions {
  kind?: 'server' | 'client' | 'producer' | 'consumer';
  /** A traceparent. Without one, or with one that cannot be parsed, the span begins a trace. */
  parent?: string | undefined;
  /** Traceparents of spans in other traces that this span belongs to as well. */
  links?: readonly string[];
  /** Numbers and names of this system. Never user content, a token or the identity of a user. */
  attributes?: Record<string, string | number>;
}

/** What a tracing library provides. */
export interface Tracer {
  /** Undefined when the span is not sampled. */
  startSpan(name: string, options: SpanOptions): Omit<Span, 'run'> | undefined;
  /** Sends the ended spans. Resolves when they are sent. */
  shutdown(): Promise<void>;
}
