import { randomUUID } from 'node:crypto';

/** Artillery's metrics: `counter` and `histogram` (milliseconds) by name; `error` fails the run. */
export interface Metrics {
  emit(kind: 'counter' | 'histogram', name: string, value: number): unknown;
  emit(kind: 'error', what: string): unknown;
}

/** The fields of a message that are checked. */
export interface ReceivedMessage {
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
 * Checks that the messages of one sender in one conversation reach the peer's device, once and in order. Times are
 * those of `performance.now()`. A latency counts from the time at which the message was due, not from when it was sent:
 * a cluster that stalls delays later messages too, and this must show.
 */
export class DeliveryCheck {
  readonly conversationId: string;
  #metrics: Metrics;
  /** Due times of the messages that are not delivered yet, by client message id. */
  #undelivered = new Map<string, number>();
  #latestDueAt = 0;
  #acked = 0;
  #seqs = new Set<number>();
  #highestSeq = 0;
  #changes = 0;
  #lastRev = 0;
  #listeners = new Set<() => void>();

  constructor(conversationId: string, metrics: Metrics) {
    this.conversationId = conversationId;
    this.#metrics = metrics;
    // A threshold on a metric that is not in the report fails, so each of these is in it.
    for (const name of ['chat.lost', 'chat.duplicated', 'chat.out_of_order']) metrics.emit('counter', name, 0);
  }

  /** Messages acknowledged as stored. */
  get acked(): number {
    return this.#acked;
  }

  /** Messages sent and not delivered yet. */
  get undelivered(): number {
    return this.#undelivered.size;
  }

  /** The seq up to which every message was received: the `afterSeq` of a sync. */
  get receivedUpTo(): number {
    let seq = 0;
    while (this.#seqs.has(seq + 1)) seq++;
    return seq;
  }

  /** The next message, which is sent now and was due at `dueAt`. */
  nextDraft(dueAt: number): Draft {
    const clientMessageId = randomUUID();
    this.#latestDueAt = dueAt;
    this.#undelivered.set(clientMessageId, dueAt);
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
    this.#metrics.emit('histogram', 'chat.ack_ms', performance.now() - this.#latestDueAt);
  }

  /** A `new_message` event: each message has one, in the order of seq. */
  receive(message: ReceivedMessage): void {
    if (this.#seqs.has(message.seq)) this.#metrics.emit('counter', 'chat.duplicated', 1);
    else if (message.seq < this.#highestSeq) this.#metrics.emit('counter', 'chat.out_of_order', 1);
    this.receiveBySync(message);
  }

  /** An edit or a reaction was acknowledged. */
  acknowledgeChange(): void {
    this.#changes++;
    this.#metrics.emit('counter', 'chat.changes', 1);
  }

  /** A `message_changed` event. `rev` counts the changes of the conversation: 1, 2, 3 … */
  receiveChange({ rev }: { rev: number }): void {
    this.#lastRev = Math.max(this.#lastRev, rev);
    this.changed();
  }

  /** The peer has received the last of the acknowledged changes. */
  get hasAllChanges(): boolean {
    return this.#lastRev >= this.#changes;
  }

  /** A message of an answer to `sync`, which may have been received before. */
  receiveBySync({ clientMessageId, seq }: ReceivedMessage): void {
    this.#seqs.add(seq);
    this.#highestSeq = Math.max(this.#highestSeq, seq);
    const dueAt = this.#undelivered.get(clientMessageId);
    if (dueAt === undefined) return;
    this.#undelivered.delete(clientMessageId);
    this.#metrics.emit('counter', 'chat.delivered', 1);
    this.#metrics.emit('histogram', 'chat.delivery_ms', performance.now() - dueAt);
    this.changed();
  }

  /** Makes `until` evaluate its conditions again. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Resolves with whether `condition` became true within the time. */
  until(condition: () => boolean, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const check = () => {
        if (condition()) end(true);
      };
      const end = (isTrue: boolean) => {
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve(isTrue);
      };
      const timer = setTimeout(() => end(condition()), withinMs);
      this.#listeners.add(check);
      check();
    });
  }
}
