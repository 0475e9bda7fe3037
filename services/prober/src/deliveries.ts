import { Counter, Histogram } from 'prom-client';

const sent = new Counter({
  name: 'chat_probe_sent_total',
  help: 'Messages of the synthetic users that were due, whether or not the users were connected',
});
const delivery = new Histogram({
  name: 'chat_probe_delivery_seconds',
  help: 'Time from the moment a message was due until the other synthetic user received it, by one clock',
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
});
const lost = new Counter({
  name: 'chat_probe_lost_total',
  help: 'Messages that did not arrive in time: unacknowledged, or (worse) undelivered although acknowledged',
  labelNames: ['reason'],
});
for (const reason of ['unacknowledged', 'undelivered']) lost.inc({ reason }, 0);

interface Delivery {
  /** By `performance.now()`. */
  dueAt: number;
  isAcknowledged: boolean;
}

/** The messages under way between the two users. Contains at most those that were due within `lostAfterMs`. */
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

  /** The other user has received the message. Ignores unknown, late and repeated messages. */
  arrived(clientMessageId: string): void {
    const one = this.#underWay.get(clientMessageId);
    if (!one) return;
    this.#underWay.delete(clientMessageId);
    delivery.observe((performance.now() - one.dueAt) / 1_000);
  }

  /** Counts the messages that have not arrived in time, and forgets them. */
  sweep(now: number): void {
    for (const [id, { dueAt, isAcknowledged }] of this.#underWay) {
      if (now - dueAt < this.#lostAfterMs) continue;
      this.#underWay.delete(id);
      lost.inc({ reason: isAcknowledged ? 'undelivered' : 'unacknowledged' });
    }
  }
}
