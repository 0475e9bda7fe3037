// @ts-check

/** @import { Meter } from './metrics.js' */

/**
 * @typedef {{ dueAt: number, phase: string, missing: Set<object>, received: number, acked: boolean }} Entry
 *   `missing`: the devices that have not received it yet. `received`: the number of devices that have.
 */

/**
 * Tracks each message of one VU until its outcome is known: acknowledged, refused or unanswered, and received by each
 * device of both users. An unacknowledged message is never lost: after `TIMEOUT` it may be stored or not.
 */
export class Tally {
  #meter;
  #now;
  /** Messages without an outcome. @type {Map<string, Entry>} by client message id */
  #open = new Map();

  /**
   * @param {Meter} meter
   * @param {() => number} [now]
   */
  constructor(meter, now = Date.now) {
    this.#meter = meter;
    this.#now = now;
  }

  /** Number of messages without an outcome. */
  get openCount() {
    return this.#open.size;
  }

  /**
   * A message is due. `devices`: all devices of both users.
   *
   * @param {string} id
   * @param {{ dueAt: number, phase: string, devices: readonly object[] }} message
   */
  sent(id, { dueAt, phase, devices }) {
    this.#open.set(id, { dueAt, phase, missing: new Set(devices), received: 0, acked: false });
    this.#meter.add('chat_sent', 1, { phase });
    this.#meter.add('chat_send_lag_ms', this.#now() - dueAt);
  }

  acked(/** @type {string} */ id) {
    const entry = this.#open.get(id);
    if (!entry || entry.acked) return;
    entry.acked = true;
    const tags = { phase: entry.phase };
    this.#meter.add('chat_acked', 1, tags);
    this.#meter.add('chat_ack_ms', this.#now() - entry.dueAt, tags);
    this.#meter.add('chat_unacked_ratio', false);
    this.#closeWhenComplete(id, entry);
  }

  /**
   * The message was answered with an error. It is not resent, so this is its outcome.
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
   * A device received a message for the first time.
   *
   * @param {string} id
   * @param {object} device
   * @param {{ isSender: boolean, bySync: boolean }} how `isSender`: the device belongs to the sender.
   */
  received(id, device, { isSender, bySync }) {
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
  finish() {
    for (const [id, entry] of this.#open) {
      if (!entry.acked) {
        this.unanswered(id);
        continue;
      }
      for (let i = 0; i < entry.received; i++) this.#meter.add('chat_loss_ratio', false);
      for (let i = 0; i < entry.missing.size; i++) this.#meter.add('chat_loss_ratio', true);
      this.#meter.add('chat_lost', entry.missing.size, { phase: entry.phase });
    }
    this.#open.clear();
  }

  /**
   * @param {string} id
   * @param {(phase: string) => void} count
   */
  #fail(id, count) {
    const entry = this.#open.get(id);
    if (!entry || entry.acked) return;
    this.#open.delete(id);
    count(entry.phase);
    this.#meter.add('chat_unacked_ratio', true);
  }

  /**
   * @param {string} id
   * @param {Entry} entry
   */
  #closeWhenComplete(id, entry) {
    if (!entry.acked || entry.missing.size > 0) return;
    this.#open.delete(id);
    for (let i = 0; i < entry.received; i++) this.#meter.add('chat_loss_ratio', false);
  }
}
