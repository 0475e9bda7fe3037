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
import type { SpanOptions, Tracer, TracingConfig } from './tracing.ts';

/** At 1,000 messages a second more would be more than anybody reads; OTEL_TRACES_SAMPLER_ARG says otherwise. */
const DEFAULT_RATIO = 0.01;
/** Links of one span: a run of a lane has up to 400 entries. */
const MOST_LINKS = 512;
/** A collector that is away is a line in the log this often. */
const TELL_EVERY_MS = 60_000;

/**
 * The tracer on the SDK of OpenTelemetry, only ever loaded when tracing is on. Ended spans leave in the background, up
 * to 512 at a time; when nobody takes them, 2,048 are kept and the others dropped. No context manager is registered: what
 * belongs together says so by traceparent, and spans of libraries never get parents by accident.
 */
export async function openTelemetry(
  config: TracingConfig,
  { service, instance, logger }: { service: string; instance: string; logger: Logger },
): Promise<Tracer> {
  setGlobalErrorHandler(seldom((error) => logger.warn({ reason: reasonOf(error) }, 'tracing: spans were lost')));
  const { drawn, sampler } = samplersOf(config);
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
  // For bullmq-otel.
  trace.setGlobalTracerProvider(provider);
  const tracer = provider.getTracer('chat-cluster');
  return {
    startSpan(name, options) {
      const parent = options.parent === undefined ? null : parseTraceParent(options.parent);
      if (!parent && Math.random() >= drawn) return undefined;
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
 * With the standard's names. The default is not the standard's, which would sample everything, and is drawn before the
 * SDK is asked, which takes 2 µs to make ids for what nobody will see. So what begins past `startSpan`, BullMQ's taking of
 * lanes, is always sampled by it.
 */
function samplersOf(config: TracingConfig): { drawn: number; sampler: Sampler } {
  const { OTEL_TRACES_SAMPLER: name = 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio = DEFAULT_RATIO } =
    config;
  switch (name) {
    case 'always_on':
      return { drawn: 1, sampler: new AlwaysOnSampler() };
    case 'always_off':
      return { drawn: 0, sampler: new AlwaysOffSampler() };
    case 'traceidratio':
      return { drawn: 1, sampler: new TraceIdRatioBasedSampler(ratio) };
    case 'parentbased_always_on':
      return { drawn: 1, sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) };
    case 'parentbased_always_off':
      return { drawn: 0, sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }) };
    case 'parentbased_traceidratio':
      return { drawn: ratio, sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) };
  }
}

/** They read where to send, with which headers and how long to wait from the environment. */
async function exporterOf({ OTEL_EXPORTER_OTLP_PROTOCOL: protocol }: TracingConfig): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

function seldom<T>(tell: (what: T) => void): (what: T) => void {
  let told = Number.NEGATIVE_INFINITY;
  return (what) => {
    if (performance.now() - told < TELL_EVERY_MS) return;
    told = performance.now();
    tell(what);
  };
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message || error.name : String(error)).slice(0, 200);
}
