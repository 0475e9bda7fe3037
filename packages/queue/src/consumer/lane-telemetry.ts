import { isTracing } from '@chat-cluster/runtime';
import type { Span, Telemetry } from 'bullmq';

/**
 * Traces of BullMQ, by bullmq-otel; undefined, and not loaded, when tracing is off. The only jobs here are the leases
 * of lanes, which are never completed, so two things differ. `process <lane>` is a span without duration: this worker
 * took the lane. A lease carries no trace and is not the parent of other spans, because its holder keeps it for hours:
 * batches have their own traces.
 */
export async function laneTelemetry(): Promise<Telemetry | undefined> {
  if (!isTracing()) return undefined;
  const { BullMQOtel } = await import('bullmq-otel');
  const { tracer, contextManager } = new BullMQOtel({ tracerName: 'bullmq' });
  return {
    contextManager,
    tracer: {
      startSpan(name, options) {
        return TRACED.test(name) ? withoutDuration(tracer.startSpan(name, options)) : UNTRACED;
      },
    },
  };
}

/** BullMQ operations worth a span. The others run on timers: they renew locks and search for jobs. */
const TRACED = /^(add|process) /;

const UNTRACED: Span = {
  setSpanOnContext: (context) => context,
  setAttribute() {},
  setAttributes() {},
  addEvent() {},
  recordException() {},
  end() {},
};

/** Ends the span after this turn of the event loop, with the attributes that BullMQ sets in it. */
function withoutDuration(span: Span): Span {
  let ended = false;
  setImmediate(() => {
    ended = true;
    span.end();
  });
  return {
    ...UNTRACED,
    setAttributes(attributes) {
      if (!ended) span.setAttributes(attributes);
    },
  };
}
