import {
  type Attributes,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
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
import type { Logger } from './logger.ts';
import type { SpanOptions, Tracer } from './span.ts';
import type { TracingConfig } from './tracing-config.ts';

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
export async function openTelemetry(
  config: TracingConfig,
  { service, instance, logger }: { service: string; instance: string; logger: Logger },
): Promise<Tracer> {
  setGlobalErrorHandler(throttled((error) => logger.warn({ reason: reasonOf(error) }, 'tracing: spans were lost')));
  const { ownRatio, sampler } = samplingOf(config);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': service, 'service.instance.id': instance }))
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector] }))
      .merge(resourceFromAttributes(config.OTEL_SERVICE_NAME ? { 'service.name': config.OTEL_SERVICE_NAME } : {})),
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
    startSpan(name, options) {
      const parent = options.parent === undefined ? null : parseTraceParent(options.parent);
      if (!parent && Math.random() >= ownRatio) return undefined;
      return startSpan(tracer, name, options, parent);
    },
    shutdown() {
      trace.disable();
      return provider.shutdown();
    },
  };
}

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

function startSpan(
  tracer: OtelTracer,
  name: string,
  { kind, links = [], attributes = {} }: SpanOptions,
  parent: SpanContext | null,
) {
  const span = tracer.startSpan(
    name,
    {
      kind: kind ? KINDS[kind] : SpanKind.INTERNAL,
      attributes,
      links: links.flatMap((link) => parseTraceParent(link) ?? []).map((linked) => ({ context: linked })),
    },
    parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT,
  );
  if (!span.isRecording()) return undefined;
  const { traceId, spanId } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-01`,
    end(outcome: { name?: string; attributes?: Attributes; failed?: boolean } = {}) {
      if (outcome.name) span.updateName(outcome.name);
      if (outcome.attributes) span.setAttributes(outcome.attributes);
      if (outcome.failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/**
 * The sampler of the SDK, by its standard name, and the share of new traces that reaches it. The default is
 * `parentbased_traceidratio`, not the standard's, which samples everything. Its ratio is applied before the SDK is
 * called, because the SDK spends 2 µs on the ids of a span that is then dropped. So a span that does not begin with
 * `startSpan` (BullMQ takes a lane) is always sampled by default.
 */
function samplingOf(config: TracingConfig): { ownRatio: number; sampler: Sampler } {
  const { OTEL_TRACES_SAMPLER: name = 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio = DEFAULT_RATIO } =
    config;
  switch (name) {
    case 'always_on':
      return { ownRatio: 1, sampler: new AlwaysOnSampler() };
    case 'always_off':
      return { ownRatio: 0, sampler: new AlwaysOffSampler() };
    case 'traceidratio':
      return { ownRatio: 1, sampler: new TraceIdRatioBasedSampler(ratio) };
    case 'parentbased_always_on':
      return { ownRatio: 1, sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) };
    case 'parentbased_always_off':
      return { ownRatio: 0, sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }) };
    case 'parentbased_traceidratio':
      return { ownRatio: ratio, sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) };
  }
}

/** The exporter reads its endpoint, headers and time-out from the environment. */
async function exporterOf({ OTEL_EXPORTER_OTLP_PROTOCOL: protocol }: TracingConfig): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

function throttled<T>(log: (value: T) => void): (value: T) => void {
  let lastAt = Number.NEGATIVE_INFINITY;
  return (value) => {
    if (performance.now() - lastAt < LOG_EVERY_MS) return;
    lastAt = performance.now();
    log(value);
  };
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message || error.name : String(error)).slice(0, 200);
}
