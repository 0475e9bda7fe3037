import { randomUUID } from 'node:crypto';

/** What artillery counts: `counter` and `histogram` (milliseconds) by name; `error` fails the run. */
export interface Metrics {
  emit(kind: 'counter' | 'histogram', name: string, value: number): unknown;
  emit(kind: 'error', what: string): unknown;
}

/** The part of a message that is looked at. */
export interface Heard {
  conversationId: string;
  clientMessageId: string;
  seq: number;
}

/** The payload of `send_message`. */
export interface Draft {
  conversationId: string;
  clientMessageId: string;
  content: string;
}

/**
 * One conversation of a run, from one sender to one listening device: what was sent and is due to be heard. Times are
 * those of `performance.now()`; a latency counts from when the message was due, not from when it left, so that a
 * cluster that stalls cannot look good by being asked less.
 */
export class Talk {
  readonly conversationId: string;
  #metrics: Metrics;
  /** When each message that was not heard yet was due. */
  #unheard = new Map<string, number>();
  #latest: { clientMessageId: string; due: number } | undefined;
  #acked = 0;
  #seqs = new Set<number>();
  #highestSeq = 0;
  #listeners = new Set<() => void>();

  constructor(conversationId: string, metrics: Metrics) {
    this.conversationId = conversationId;
    this.#metrics = metrics;
    // So that they are in the report, where a threshold on what was never counted fails.
    for (const never of ['chat.lost', 'chat.duplicated', 'chat.out_of_order']) metrics.emit('counter', never, 0);
  }

  /** Messages that were acknowledged as stored, each of which must be heard. */
  get acked(): number {
    return this.#acked;
  }

  /** Those that were sent and not heard yet. */
  get unheard(): number {
    return this.#unheard.size;
  }

  /** Every message up to here was heard: where `sync` goes on. */
  get heardUpTo(): number {
    let seq = 0;
    while (this.#seqs.has(seq + 1)) seq++;
    return seq;
  }

  say(due: number): Draft {
    const clientMessageId = randomUUID();
    this.#latest = { clientMessageId, due };
    this.#unheard.set(clientMessageId, due);
    this.#metrics.emit('counter', 'chat.sent', 1);
    return {
      conversationId: this.conversationId,
      clientMessageId,
      content: `Message ${clientMessageId} of a load test`,
    };
  }

  /** The latest message was acknowledged as stored. */
  acknowledge(): void {
    this.#acked++;
    this.#metrics.emit('counter', 'chat.acked', 1);
    if (this.#latest) this.#metrics.emit('histogram', 'chat.ack_ms', performance.now() - this.#latest.due);
  }

  /** A `new_message`: each is heard once, in order. */
  hear(message: Heard): void {
    if (this.#seqs.has(message.seq)) this.#metrics.emit('counter', 'chat.duplicated', 1);
    else if (message.seq < this.#highestSeq) this.#metrics.emit('counter', 'chat.out_of_order', 1);
    this.catchUp(message);
  }

  /** A message of an answer to `sync`, which may bring what was heard already. */
  catchUp({ clientMessageId, seq }: Heard): void {
    this.#seqs.add(seq);
    this.#highestSeq = Math.max(this.#highestSeq, seq);
    const due = this.#unheard.get(clientMessageId);
    if (due === undefined) return;
    this.#unheard.delete(clientMessageId);
    this.#metrics.emit('counter', 'chat.delivered', 1);
    this.#metrics.emit('histogram', 'chat.delivery_ms', performance.now() - due);
    this.changed();
  }

  /** Something that `until` may wait for has happened. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Resolves with whether `holds` became true within the time. */
  until(holds: () => boolean, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (holds()) end(true);
      };
      const end = (held: boolean) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve(held);
      };
      const timer = setTimeout(() => end(holds()), withinMs);
      this.#listeners.add(look);
      look();
    });
  }
}
