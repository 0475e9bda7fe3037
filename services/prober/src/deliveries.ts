import { Counter, Histogram } from 'prom-client';

const sent = new Counter({
  name: 'chat_probe_sent_total',
  help: 'Messages that were due to be sent by the synthetic users, whether or not they were connected',
});
const delivery = new Histogram({
  name: 'chat_probe_delivery_seconds',
  help: 'From the moment a message was due to be sent until the other synthetic user had it, by one clock',
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
});
const lost = new Counter({
  name: 'chat_probe_lost_total',
  help: 'Messages that did not arrive in time: unacknowledged, or (worse) undelivered in spite of their ack',
  labelNames: ['reason'],
});
for (const reason of ['unacknowledged', 'undelivered']) lost.inc({ reason }, 0);

interface Delivery {
  /** On the clock of performance.now(). */
  dueAt: number;
  isAcknowledged: boolean;
}

/** What is under way between the two users. Holds no more than what is due within `lostAfterMs`. */
export class Deliveries {
  #underWay = new Map<string, Delivery>();
  #lostAfterMs: number;

  constructor(lostAfterMs: number) {
    this.#lostAfterMs = lostAfterMs;
  }

  due(clientMessageId: string, dueAt: number): void {
    sent.inc();
    this.#underWay.set(clientMessageId, { dueAt, isAcknowledged: false });
  }

  acknowledged(clientMessageId: string): void {
    const one = this.#underWay.get(clientMessageId);
    if (one) one.isAcknowledged = true;
  }

  /** The other user has it. Messages of others, late and repeated ones are no news. */
  arrived(clientMessageId: string): void {
    const one = this.#underWay.get(clientMessageId);
    if (!one) return;
    this.#underWay.delete(clientMessageId);
    delivery.observe((performance.now() - one.dueAt) / 1_000);
  }

  /** Counts what has not arrived in time, and forgets it. */
  sweep(now: number): void {
    for (const [id, { dueAt, isAcknowledged }] of this.#underWay) {
      if (now - dueAt < this.#lostAfterMs) continue;
      this.#underWay.delete(id);
      lost.inc({ reason: isAcknowledged ? 'undelivered' : 'unacknowledged' });
    }
  }
}
