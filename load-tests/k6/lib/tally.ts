import type { Meter } from './metrics.ts';

interface Entry {
  dueAt: number;
  phase: string;
  /** The devices that have not received it yet. */
  missing: Set<object>;
  /** The number of devices that have. */
  received: number;
  acked: boolean;
}

/**
 * Tracks each message of one VU until its outcome is known: acknowledged or refused, and received by each device of all
 * participants. A message without an answer at the end is not lost: it may be stored or not.
 */
export class Tally {
  #meter: Meter;
  #now: () => number;
  /** Messages without an outcome, by client message id. */
  #open = new Map<string, Entry>();

  constructor(meter: Meter, now = Date.now) {
    this.#meter = meter;
    this.#now = now;
  }

  /** Number of messages without an outcome. */
  get openCount(): number {
    return this.#open.size;
  }

  /** A message is due. `devices`: those of all participants. */
  sent(id: string, { dueAt, phase, devices }: { dueAt: number; phase: string; devices: readonly object[] }): void {
    this.#open.set(id, { dueAt, phase, missing: new Set(devices), received: 0, acked: false });
    this.#meter.add('chat_sent', 1, { phase });
    this.#meter.add('chat_send_lag_ms', this.#now() - dueAt);
  }

  acked(id: string): void {
    const entry = this.#open.get(id);
    if (!entry || entry.acked) return;
    entry.acked = true;
    const tags = { phase: entry.phase };
    this.#meter.add('chat_acked', 1, tags);
    this.#meter.add('chat_ack_ms', this.#now() - entry.dueAt, tags);
    this.#meter.add('chat_unacked_ratio', false);
    this.#closeWhenComplete(id, entry);
  }

  /** The message was answered with an error. It is not resent, so this is its outcome. */
  refused(id: string, code: string): void {
    const entry = this.#open.get(id);
    if (!entry || entry.acked) return;
    this.#open.delete(id);
    this.#meter.add('chat_refused', 1, { code, phase: entry.phase });
    this.#meter.add('chat_unacked_ratio', true);
  }

  /** A device received a message for the first time. `isSender`: the device belongs to the sender. */
  received(id: string, device: object, { isSender, bySync }: { isSender: boolean; bySync: boolean }): void {
    const entry = this.#open.get(id);
    if (!entry?.missing.delete(device)) return;
    entry.received++;
    const tags = { phase: entry.phase };
    this.#meter.add('chat_delivered', 1, tags);
    if (bySync) this.#meter.add('chat_synced', 1, tags);
    if (!isSender) this.#meter.add('chat_delivery_ms', this.#now() - entry.dueAt, tags);
    this.#closeWhenComplete(id, entry);
  }

  /** Ends the run: messages without an outcome count as lost or unanswered. */
  finish(): void {
    for (const { acked, received, missing, phase } of this.#open.values()) {
      if (!acked) {
        this.#meter.add('chat_unanswered', 1, { phase });
        this.#meter.add('chat_unacked_ratio', true);
        continue;
      }
      for (let i = 0; i < received; i++) this.#meter.add('chat_loss_ratio', false);
      for (let i = 0; i < missing.size; i++) this.#meter.add('chat_loss_ratio', true);
      this.#meter.add('chat_lost', missing.size, { phase });
    }
    this.#open.clear();
  }

  #closeWhenComplete(id: string, entry: Entry): void {
    if (!entry.acked || entry.missing.size > 0) return;
    this.#open.delete(id);
    for (let i = 0; i < entry.received; i++) this.#meter.add('chat_loss_ratio', false);
  }
}
