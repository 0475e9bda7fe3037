import { AsyncLocalStorage } from 'node:async_hooks';
import { z } from 'zod';
import { withDeadline } from './deadline.ts';
import type { Logger } from './logger.ts';

/**
 * Traces, off unless the standard variables of OpenTelemetry ask for them. Off, a span costs a look at one variable and
 * no package of OpenTelemetry is loaded; on, what is not sampled costs its draw. Nothing is instrumented by itself: the
 * few places worth a span call `startSpan`, and processes join a trace by its W3C `traceparent`, a plain string.
 */

const URL_FORM = /^https?:\/\/./;

/** The standard variables that are read here; the exporter reads those of its headers, certificates and time-out itself. */
export const tracingConfig = z.object({
  /** `true` turns tracing off whatever else is set. */
  OTEL_SDK_DISABLED: z.stringbool('must be true or false').optional(),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'must be otlp or none').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().regex(URL_FORM, 'must be an http:// or https:// URL').optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().regex(URL_FORM, 'must be an http:// or https:// URL').optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf', 'http/json'], 'must be http/protobuf or http/json, which collectors take on port 4318')
    .optional(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_TRACES_SAMPLER: z
    .enum([
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ])
    .optional(),
  /** Of 1, how many of the traces that begin here are sampled. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number('must be a number from 0 to 1').min(0).max(1).optional(),
  /** Milliseconds that ended spans wait to leave together. */
  OTEL_BSP_SCHEDULE_DELAY: z.coerce.number('must be a number of milliseconds').int().min(0).optional(),
});

export type TracingConfig = z.output<typeof tracingConfig>;

export interface SpanOptions {
  kind?: 'server' | 'client' | 'producer' | 'consumer';
  /** A traceparent. Without one, or with one that can not be read, the span begins a trace. */
  parent?: string | undefined;
  /** Traceparents of spans of other traces that this one belongs to as well. */
  links?: readonly string[];
  /** Numbers and names of ours. Never what a user wrote, a token, or who somebody is. */
  attributes?: Record<string, string | number>;
}

/** A sampled span under way. */
export interface Span {
  /** By which others, in this process or another, become its children. */
  readonly traceparent: string;
  /** Carries out `work`; in all that it calls and awaits, this span is the current one. */
  run<T>(work: () => T): T;
  /** Ends it, once. `failed`: by a fault of ours. */
  end(outcome?: { name?: string; attributes?: Record<string, string | number>; failed?: boolean }): void;
}

/** What a tracing library does for this module. */
export interface Tracer {
  startSpan(name: string, options: SpanOptions): Omit<Span, 'run'> | undefined;
  /** Sends what has ended and waits. */
  shutdown(): Promise<void>;
}

export interface Tracing {
  stop(): Promise<void>;
}

/** Spans that ended last get so long to leave, out of what a stop may take; a collector that is away takes no more. */
const FLUSH_MS = 1_000;

let tracer: Tracer | undefined;
const current = new AsyncLocalStorage<string>();

/** Turns tracing on, if the variables say so. `service` and `instance` name the process in traces. */
export async function startTracing(
  config: TracingConfig,
  who: { service: string; instance: string; logger: Logger },
): Promise<Tracing> {
  if (!isWanted(config)) return { stop: async () => {} };
  const { openTelemetry } = await import('./open-telemetry.ts');
  const started = await openTelemetry(config, who);
  tracer = started;
  return {
    async stop() {
      tracer = undefined;
      await withDeadline(started.shutdown(), FLUSH_MS, 'collector').catch((error: Error) =>
        who.logger.warn({ reason: error.message }, 'tracing: the last spans were not taken'),
      );
    },
  };
}

function isWanted(config: TracingConfig): boolean {
  const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter } = config;
  if (disabled || exporter === 'none') return false;
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  return exporter === 'otlp' || endpoint !== undefined;
}

export function isTracing(): boolean {
  return tracer !== undefined;
}

/** Undefined when tracing is off and when this one is not sampled, so `?.` is all that a caller needs. */
export function startSpan(name: string, options: SpanOptions = {}): Span | undefined {
  const span = tracer?.startSpan(name, options);
  if (!span) return undefined;
  return { ...span, run: (work) => current.run(span.traceparent, work) };
}

/** Carries out `work` in a span, which fails when `work` rejects; gives it the span's traceparent when there is one. */
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

/** Of the span in whose `run` this is called; undefined outside any, so also in what is not sampled. */
export function currentTraceparent(): string | undefined {
  return tracer && current.getStore();
}
