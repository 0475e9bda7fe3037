import { isTracing } from '@chat-cluster/runtime';
import type { Span, Telemetry } from 'bullmq';

/** Of what BullMQ has spans for, what is worth one; the rest is done by the clock: locks renewed, stalls and jobs looked for. */
const WORTH_A_SPAN = /^(add|process) /;

/**
 * Traces of BullMQ, by bullmq-otel; undefined, and not loaded, when tracing is off. Its only jobs here are the leases of
 * lanes, which are never done, so two things differ. `process <lane>` is a span of a moment: this worker took the lane. And
 * a lease carries no trace, nor is it that of what its holder does for hours: batches have traces of their own.
 */
export async function laneTelemetry(): Promise<Telemetry | undefined> {
  if (!isTracing()) return undefined;
  const { BullMQOtel } = await import('bullmq-otel');
  const { tracer, contextManager } = new BullMQOtel({ tracerName: 'bullmq' });
  return {
    contextManager,
    tracer: {
      startSpan(name, options) {
        return WORTH_A_SPAN.test(name) ? momentary(tracer.startSpan(name, options)) : UNTRACED;
      },
    },
  };
}

const UNTRACED: Span = {
  setSpanOnContext: (context) => context,
  setAttribute() {},
  setAttributes() {},
  addEvent() {},
  recordException() {},
  end() {},
};

/** Takes what BullMQ says of it in this turn, and ends. */
function momentary(span: Span): Span {
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
