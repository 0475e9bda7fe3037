import { AsyncLocalStorage } from 'node:async_hooks';
import type { TracingConfig } from './config.ts';
import { withDeadline } from './deadline.ts';
import type { ProcessIdentity, SpanOptions, Tracer } from './open-telemetry.ts';

/** Longest wait for the last spans to be sent when the process stops, in ms. */
const FLUSH_MS = 1_000;

let tracer: Tracer | undefined;
const current = new AsyncLocalStorage<string>();

/**
 * Turns tracing on, if the standard variables of OpenTelemetry request it. When it is off, a span costs the check of
 * one variable, and no package of OpenTelemetry is loaded. When it is on, a span that is not sampled costs one random
 * number. Processes join a trace by its W3C `traceparent`, a plain string.
 */
export async function startTracing(
  config: TracingConfig,
  identity: ProcessIdentity,
): Promise<{ stop(): Promise<void> }> {
  if (!isRequested(config)) return { stop: async () => {} };
  const { openTelemetry } = await import('./open-telemetry.ts');
  const started = await openTelemetry(config, identity);
  tracer = started;
  return {
    async stop() {
      tracer = undefined;
      await withDeadline(started.shutdown(), FLUSH_MS, 'collector').catch((error: Error) =>
        identity.logger.warn({ reason: error.message }, 'tracing: the last spans were not sent'),
      );
    },
  };
}

function isRequested(config: TracingConfig): boolean {
  const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter } = config;
  if (disabled || exporter === 'none') return false;
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  return exporter === 'otlp' || endpoint !== undefined;
}

export function isTracing(): boolean {
  return tracer !== undefined;
}

/** A sampled span in progress. */
export type Span = NonNullable<ReturnType<typeof startSpan>>;

/** Undefined when tracing is off or this span is not sampled, so a caller only needs `?.`. */
export function startSpan(name: string, options: SpanOptions = {}) {
  const span = tracer?.startSpan(name, options);
  if (!span) return undefined;
  /** Runs `work` with this span as the current one, also in everything that `work` calls and awaits. */
  const run = <T>(work: () => T): T => current.run(span.traceparent, work);
  return { ...span, run };
}

/** Runs `work` in a span, which fails when `work` rejects. `work` receives its traceparent, if there is one. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (traceparent?: string) => Promise<T>,
): Promise<T> {
  const span = startSpan(name, options);
  if (!span) return work();
  try {
    const result = await work(span.traceparent);
    span.end();
    return result;
  } catch (error) {
    span.end({ failed: true });
    throw error;
  }
}

/** Traceparent of the span in whose `run` this is called; undefined outside of one, so also when it is not sampled. */
export function currentTraceparent(): string | undefined {
  return tracer && current.getStore();
}
