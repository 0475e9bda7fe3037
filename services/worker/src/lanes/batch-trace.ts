import type { Entry, MessageId } from '@chat-cluster/contracts';
import { inSpan, startSpan } from '@chat-cluster/runtime';

/** The spans of one run of a lane. */
export interface BatchTrace {
  store<T>(work: () => Promise<T>): Promise<T>;
  /** Ends the span of the run. `traces`: the traceparents that the deliveries of sampled messages join. */
  publish<T>(work: (traces: ReadonlyMap<MessageId, string>) => Promise<T>): Promise<T>;
}

const UNTRACED: BatchTrace = { store: (work) => work(), publish: (work) => work(new Map()) };

/**
 * Starts one span for a run, for any number of messages, with one child for the store and one for emits and replies.
 * The span belongs to the trace of the first sampled entry, so it is sampled as well; it links to the traces of the
 * other entries. Their traces continue at the delivery, which links to the run.
 */
export function traceBatch(entries: readonly Entry[], about: { batches: number; acceptedAt: number }): BatchTrace {
  // An entry may be anything; the store finds those that cannot be stored.
  const sampled = entries.filter((entry) => typeof entry?.trace === 'string');
  if (sampled.length === 0) return UNTRACED;
  const [parent, ...links] = sampled.flatMap(({ trace }) => trace ?? []);
  const span = startSpan('batch', {
    kind: 'consumer',
    parent,
    links,
    attributes: {
      'messaging.batch.message_count': entries.length,
      'chat.batch.sampled': sampled.length,
      'chat.batch.joined': about.batches,
      'chat.batch.age_ms': Math.max(0, Date.now() - about.acceptedAt),
    },
  });
  if (!span) return { ...UNTRACED, publish: (work) => work(tracesOf(sampled, undefined)) };
  const within = { parent: span.traceparent };
  return {
    store: (work) =>
      inSpan('store', { ...within, kind: 'client', attributes: { 'db.system.name': 'postgresql' } }, work).catch(
        (error: unknown) => {
          span.end({ failed: true });
          throw error;
        },
      ),
    publish: (work) =>
      inSpan('publish', { ...within, kind: 'producer' }, (publish = span.traceparent) =>
        work(tracesOf(sampled, publish)),
      ).finally(() => span.end()),
  };
}

/**
 * The traceparent of each message: for the first entry, whose trace contains the run, the span of its publishing; for
 * the others their own trace and a link to that span.
 */
function tracesOf([first, ...others]: readonly Entry[], publish: string | undefined): Map<MessageId, string> {
  const traces = new Map<MessageId, string>();
  if (first?.kind === 'send' && first.trace) traces.set(first.id, publish ?? first.trace);
  for (const entry of others) {
    if (entry.kind === 'send' && entry.trace) traces.set(entry.id, publish ? `${entry.trace},${publish}` : entry.trace);
  }
  return traces;
}
