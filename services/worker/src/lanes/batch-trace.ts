import type { Entry, MessageId } from '@chat-cluster/contracts';
import { inSpan, startSpan } from '@chat-cluster/runtime';

/** The traces of what a lane does in one run. */
export interface BatchTrace {
  store<T>(work: () => Promise<T>): Promise<T>;
  /** Ends the trace of the run. `traces`: what the deliveries of its sampled messages are to join. */
  publish<T>(work: (traces: ReadonlyMap<MessageId, string>) => Promise<T>): Promise<T>;
}

const UNTRACED: BatchTrace = { store: (work) => work(), publish: (work) => work(new Map()) };

/**
 * One span for a run, whatever the number of its messages, and under it one for the store and one for the emits and
 * replies. It is part of the trace of its first sampled entry, which decides that it is sampled too, and linked to all
 * others; their own traces go on at the delivery, which is linked to the run in turn.
 */
export function traceBatch(entries: readonly Entry[], about: { batches: number; acceptedAt: number }): BatchTrace {
  // What came as an entry may be anything; one that can not be stored is found by the store.
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

/** Of each message: for the first entry, in whose trace the run is, its publish; for the others their own trace and a link to it. */
function tracesOf([first, ...others]: readonly Entry[], publish: string | undefined): Map<MessageId, string> {
  const traces = new Map<MessageId, string>();
  if (first?.kind === 'send' && first.trace) traces.set(first.id, publish ?? first.trace);
  for (const entry of others) {
    if (entry.kind === 'send' && entry.trace) traces.set(entry.id, publish ? `${entry.trace},${publish}` : entry.trace);
  }
  return traces;
}
