// @ts-check

/** @import { Meter } from './metrics.js' */

/**
 * @typedef {{ intendedAt: number, phase: string, missing: Set<object>, heard: number, acked: boolean }} Entry `missing`:
 *   the devices that have not heard it yet.
 */

/**
 * The fate of each message of one VU: sent, then acknowledged, refused or neither, and heard by each device that is to
 * hear it. Keeps only what is not decided yet. A message that was not acknowledged owes nothing to anybody, whether it is
 * heard or not: `TIMEOUT` means unknown.
 */
export class Tally {
  #meter;
  #now;
  /** @type {Map<string, Entry>} by client message id */
  #open = new Map();

  /**
   * @param {Meter} meter
   * @param {() => number} [now]
   */
  constructor(meter, now = Date.now) {
    this.#meter = meter;
    this.#now = now;
  }

  /** Messages that are not decided yet. */
  get undecided() {
    return this.#open.size;
  }

  /**
   * The time of a message has come. `hearers`: all devices of both users.
   *
   * @param {string} id
   * @param {{ intendedAt: number, phase: string, hearers: readonly object[] }} message
   */
  sent(id, { intendedAt, phase, hearers }) {
    this.#open.set(id, { intendedAt, phase, missing: new Set(hearers), heard: 0, acked: false });
    this.#meter.add('chat_sent', 1, { phase });
    this.#meter.add('chat_send_lag_ms', this.#now() - intendedAt);
  }

  acked(/** @type {string} */ id) {
    const entry = this.#open.get(id);
    if (!entry || entry.acked) return;
    entry.acked = true;
    const tags = { phase: entry.phase };
    this.#meter.add('chat_acked', 1, tags);
    this.#meter.add('chat_ack_ms', this.#now() - entry.intendedAt, tags);
    this.#meter.add('chat_unacked_ratio', false);
    this.#settle(id, entry);
  }

  /**
   * Answered with an error, which is final here: the load is not repeated.
   *
   * @param {string} id
   * @param {string} code
   */
  refused(id, code) {
    this.#fail(id, (phase) => this.#meter.add('chat_refused', 1, { code, phase }));
  }

  unanswered(/** @type {string} */ id) {
    this.#fail(id, (phase) => this.#meter.add('chat_unanswered', 1, { phase }));
  }

  /**
   * A device has heard a message for the first time.
   *
   * @param {string} id
   * @param {object} hearer
   * @param {{ isSender: boolean, bySync: boolean }} how `isSender`: a device of the user who sent it.
   */
  heard(id, hearer, { isSender, bySync }) {
    const entry = this.#open.get(id);
    if (!entry?.missing.delete(hearer)) return;
    entry.heard++;
    const tags = { phase: entry.phase };
    this.#meter.add('chat_delivered', 1, tags);
    if (bySync) this.#meter.add('chat_synced', 1, tags);
    if (!isSender) this.#meter.add('chat_delivery_ms', this.#now() - entry.intendedAt, tags);
    this.#settle(id, entry);
  }

  /** The end: what is still undecided is lost, or was never answered. */
  finish() {
    for (const [id, entry] of this.#open) {
      if (!entry.acked) {
        this.unanswered(id);
        continue;
      }
      for (let i = 0; i < entry.heard; i++) this.#meter.add('chat_loss_ratio', false);
      for (let i = 0; i < entry.missing.size; i++) this.#meter.add('chat_loss_ratio', true);
      this.#meter.add('chat_lost', entry.missing.size, { phase: entry.phase });
    }
    this.#open.clear();
  }

  /**
   * @param {string} id
   * @param {(phase: string) => void} note
   */
  #fail(id, note) {
    const entry = this.#open.get(id);
    if (!entry || entry.acked) return;
    this.#open.delete(id);
    note(entry.phase);
    this.#meter.add('chat_unacked_ratio', true);
  }

  /**
   * @param {string} id
   * @param {Entry} entry
   */
  #settle(id, entry) {
    if (!entry.acked || entry.missing.size > 0) return;
    this.#open.delete(id);
    for (let i = 0; i < entry.heard; i++) this.#meter.add('chat_loss_ratio', false);
  }
}
