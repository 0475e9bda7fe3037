import { type Span as OtelSpan, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TracingConfig } from './config.ts';
import type { Logger } from './logger.ts';

/** Default share of sampled traces: enough to read at 1,000 messages/s. OTEL_TRACES_SAMPLER_ARG overrides it. */
const DEFAULT_RATIO = 0.01;
/** Largest number of links of one span: a run of a lane stores up to 400 entries. */
const MOST_LINKS = 512;
/** Shortest time between two log lines about a collector that does not respond, in ms. */
const LOG_EVERY_MS = 60_000;

/**
 * The tracer on the SDK of OpenTelemetry; loaded only when tracing is on. Ended spans are sent in the background, up to
 * 512 at a time; while the collector is away, 2,048 are kept and further ones dropped. No context manager is
 * registered: spans are joined by traceparent only, so spans of libraries never get a parent by accident.
 */
export async function openTelemetry(config: TracingConfig, { service, instance, logger }: ProcessIdentity) {
  logErrors(logger);
  const { ownRatio, sampler } = samplingOf(config);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': service, 'service.instance.id': instance }))
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    sampler,
    spanLimits: { linkCountLimit: MOST_LINKS },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: await exporterOf(config),
        ...(config.OTEL_BSP_SCHEDULE_DELAY !== undefined && { scheduledDelayMillis: config.OTEL_BSP_SCHEDULE_DELAY }),
      }),
    ],
  });
  // bullmq-otel uses it.
  trace.setGlobalTracerProvider(provider);
  const tracer = provider.getTracer('chat-cluster');
  return {
    /** Undefined when the span is not sampled. */
    startSpan(name: string, { kind, parent: traceparent, links = [], attributes = {} }: SpanOptions) {
      const parent = traceparent === undefined ? null : parseTraceParent(traceparent);
      if (!parent && Math.random() >= ownRatio) return undefined;
      const context = parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT;
      const linked = links.flatMap((link) => parseTraceParent(link) ?? []).map((one) => ({ context: one }));
      const options = { kind: kind ? KINDS[kind] : SpanKind.INTERNAL, attributes, links: linked };
      const span = tracer.startSpan(name, options, context);
      return span.isRecording() ? sampled(span) : undefined;
    },
    /** Sends the ended spans. Resolves when they are sent. */
    shutdown(): Promise<void> {
      trace.disable();
      return provider.shutdown();
    },
  };
}

export type Tracer = Awaited<ReturnType<typeof openTelemetry>>;

/** Names of the process in traces, and its logger. */
export interface ProcessIdentity {
  service: string;
  instance: string;
  logger: Logger;
}

export interface SpanOptions {
  kind?: keyof typeof KINDS;
  /** A traceparent. Without one, or with one that cannot be parsed, the span begins a trace. */
  parent?: string | undefined;
  /** Traceparents of spans in other traces that this span belongs to as well. */
  links?: readonly string[];
  /** Numbers and names of this system. Never user content, a token or the identity of a user. */
  attributes?: Record<string, string | number>;
}

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

function sampled(span: OtelSpan) {
  const { traceId, spanId } = span.spanContext();
  return {
    /** Makes other spans, in this process or in another, children of this one. */
    traceparent: `00-${traceId}-${spanId}-01`,
    /** Ends the span; to be called once. `failed`: because of a fault of this system. */
    end(outcome: { name?: string; attributes?: SpanOptions['attributes']; failed?: boolean } = {}): void {
      if (outcome.name) span.updateName(outcome.name);
      if (outcome.attributes) span.setAttributes(outcome.attributes);
      if (outcome.failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/**
 * The sampler of the SDK, by its standard name, and the share of new traces that reaches it. The default is
 * `parentbased_traceidratio`; the default of the standard samples everything. Its ratio is applied before the SDK is
 * called, because the SDK spends 2 µs on the ids of a span that is then dropped. So a span that does not begin with
 * `startSpan` (BullMQ takes a lane) is always sampled by default.
 */
function samplingOf(config: TracingConfig): { ownRatio: number; sampler: Sampler } {
  const ratio = config.OTEL_TRACES_SAMPLER_ARG ?? DEFAULT_RATIO;
  const on = new AlwaysOnSampler();
  const off = new AlwaysOffSampler();
  return {
    always_on: { ownRatio: 1, sampler: on },
    always_off: { ownRatio: 0, sampler: off },
    traceidratio: { ownRatio: 1, sampler: new TraceIdRatioBasedSampler(ratio) },
    parentbased_always_on: { ownRatio: 1, sampler: new ParentBasedSampler({ root: on }) },
    parentbased_always_off: { ownRatio: 0, sampler: new ParentBasedSampler({ root: off }) },
    parentbased_traceidratio: { ownRatio: ratio, sampler: new ParentBasedSampler({ root: on }) },
  }[config.OTEL_TRACES_SAMPLER ?? 'parentbased_traceidratio'];
}

/** The exporter reads its endpoint, headers and time-out from the environment. */
async function exporterOf({ OTEL_EXPORTER_OTLP_PROTOCOL: protocol }: TracingConfig): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

function logErrors(logger: Logger): void {
  let loggedAt = Number.NEGATIVE_INFINITY;
  setGlobalErrorHandler((error) => {
    if (performance.now() - loggedAt < LOG_EVERY_MS) return;
    loggedAt = performance.now();
    const reason = error instanceof Error ? error.message || error.name : String(error);
    logger.warn({ reason: reason.slice(0, 200) }, 'tracing: spans were lost');
  });
}
