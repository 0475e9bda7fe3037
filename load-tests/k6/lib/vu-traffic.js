// @ts-check

import { Device } from './device.js';
import { schedule } from './schedule.js';
import { Tally } from './tally.js';

/** @import { Meter } from './metrics.js' */
/** @import { Plan } from './plans.js' */
/** @import { Part } from './population.js' */
/** @import { Settings } from './settings.js' */
/** @import { W3cSocket } from './w3c-socket.js' */
/** @import { Message } from './wire.js' */

/**
 * @typedef {{
 *   plan: Plan,
 *   settings: Settings,
 *   part: Part,
 *   meter: Meter,
 *   openSocket: (url: string) => W3cSocket,
 *   tokenOf: (user: string) => Promise<string>,
 *   now?: () => number,
 *   random?: () => number,
 * }} TrafficOptions
 *
 * @typedef {{ conversationId: string, from: Device[], to: string }} Direction one direction of a conversation: the
 *   devices of the sender, and the receiving user
 */

/** Most messages sent in one event-loop turn by a late generator, so that it receives answers in between. */
const BURST = 100;
/** Interval of the checks whether the drain is over, in ms. */
const DRAIN_CHECK_MS = 50;

/**
 * Runs the traffic of one VU: connects its devices at their times, sends by the schedule, reads, cuts connections by
 * the plan, waits for messages under way, and closes everything. Resolves when nothing is left.
 *
 * All devices of a conversation belong to one VU, so that its tally is complete.
 */
export async function runVuTraffic(/** @type {TrafficOptions} */ options) {
  const traffic = new VuTraffic(options);
  await traffic.createDevices();
  await traffic.run();
}

class VuTraffic {
  #options;
  #now;
  #random;
  #tally;
  /** @type {Device[]} */
  #devices = [];
  /** @type {Map<string, Device[]>} by user */
  #devicesOf = new Map();
  /** @type {Direction[]} */
  #directions = [];
  #sent = 0;
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();

  constructor(/** @type {TrafficOptions} */ options) {
    this.#options = options;
    this.#now = options.now || Date.now;
    this.#random = options.random || Math.random;
    this.#tally = new Tally(options.meter, this.#now);
  }

  /** Creates the devices, which do not connect yet. */
  async createDevices() {
    const { part, tokenOf, settings } = this.#options;
    /** @type {Map<string, string[]>} */
    const conversationsOf = new Map();
    for (const { id, users } of part.conversations)
      for (const user of users) conversationsOf.set(user, [...(conversationsOf.get(user) || []), id]);
    for (const [user, conversations] of conversationsOf) {
      const token = await tokenOf(user);
      const devices = [];
      for (let i = 0; i < settings.devices; i++) devices.push(this.#device(user, token, conversations));
      this.#devicesOf.set(user, devices);
    }
    for (const { id, users, senders } of part.conversations)
      for (const sender of senders) {
        const [from, to] = [users[sender], users[1 - sender]];
        if (from && to) this.#directions.push({ conversationId: id, from: this.#devicesOf.get(from) || [], to });
      }
  }

  async run() {
    const { plan, settings, part } = this.#options;
    const begin = part.startedAt + part.connectMs;
    this.#devices.forEach((device, i) => {
      this.#at(part.startedAt + (part.vu + i * part.vus) * (1000 / settings.connectRate), () => device.connect());
    });
    for (const { atMs, fraction } of plan.storms(settings)) this.#at(begin + atMs, () => this.#storm(fraction));
    const churnMs = plan.churnMs(settings);
    if (churnMs > 0) this.#churn(begin, churnMs / this.#devices.length);
    await this.#sendAll(begin);
    await this.#drained();
    this.#tally.finish();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const device of this.#devices) {
      this.#options.meter.add('chat_connect_failed_ratio', !device.wasReady);
      device.close();
    }
  }

  /**
   * @param {string} user
   * @param {string} token
   * @param {readonly string[]} conversations
   */
  #device(user, token, conversations) {
    const { settings, meter, openSocket } = this.#options;
    const url = settings.urls[this.#devices.length % settings.urls.length] || '';
    const tally = this.#tally;
    /** @type {Device} */
    const device = new Device(
      {
        ...{ url, user, token, conversations, openSocket },
        ...{ ackTimeoutMs: settings.ackTimeoutMs, random: this.#random, now: this.#now },
      },
      meter,
      {
        received: (message, bySync) => this.#received(device, message, bySync),
        acked: (id) => tally.acked(id),
        refused: (id, code) => tally.refused(id, code),
        unanswered: (id) => tally.unanswered(id),
      },
    );
    this.#devices.push(device);
    return device;
  }

  /**
   * @param {Device} device
   * @param {Message} message
   * @param {boolean} bySync
   */
  #received(device, message, bySync) {
    const isSender = message.senderId === device.user;
    this.#tally.received(message.clientMessageId, device, { isSender, bySync });
    const isFirst = this.#devicesOf.get(device.user)?.[0] === device;
    if (!isSender && isFirst && this.#random() < this.#options.settings.readRatio)
      device.read(message.conversationId, message.seq);
  }

  /** Sends all messages of the schedule. Resolves after the last one. */
  #sendAll(/** @type {number} */ begin) {
    const { plan, settings, part } = this.#options;
    const arrivals = schedule(plan.phases(settings), {
      share: part.share,
      offset: (part.vu + 0.5) / part.vus,
      random: settings.arrivals === 'poisson' ? this.#random : undefined,
    });
    let next = arrivals.next();
    return new Promise((/** @type {(value: undefined) => void} */ resolve) => {
      const tick = () => {
        for (let burst = 0; !next.done && begin + next.value.at <= this.#now(); next = arrivals.next()) {
          if (++burst > BURST) break;
          this.#send(begin + next.value.at, next.value.phase);
        }
        if (next.done) resolve(undefined);
        else this.#at(begin + next.value.at, tick);
      };
      this.#at(begin, tick);
    });
  }

  /**
   * @param {number} dueAt
   * @param {string} phase
   */
  #send(dueAt, phase) {
    const { part, settings } = this.#options;
    const n = this.#sent++;
    const direction = this.#directions[n % this.#directions.length];
    const device = direction?.from[Math.floor(this.#random() * direction.from.length)];
    if (!direction || !device) return;
    const clientMessageId = `${part.runId}-${part.vu}-${n}`;
    const devices = [...direction.from, ...(this.#devicesOf.get(direction.to) || [])];
    this.#tally.sent(clientMessageId, { dueAt, phase, devices });
    const content = `${n} `.padEnd(settings.contentBytes, 'abcdefghij ');
    device.send({ conversationId: direction.conversationId, content, clientMessageId });
  }

  #storm(/** @type {number} */ fraction) {
    const count = Math.round(this.#devices.length * fraction);
    for (const device of this.#devices.slice(0, count)) device.cut();
  }

  /**
   * Cuts the connection of a random device, again and again, at intervals of `meanMs` on average.
   *
   * @param {number} from
   * @param {number} meanMs
   */
  #churn(from, meanMs) {
    const at = from - Math.log(1 - this.#random()) * meanMs;
    this.#at(at, () => {
      this.#devices[Math.floor(this.#random() * this.#devices.length)]?.cut();
      this.#churn(this.#now(), meanMs);
    });
  }

  /** Resolves when every message has an outcome and every device is in sync, or when the time for the drain is over. */
  #drained() {
    const until = this.#now() + this.#options.settings.drainMs;
    return new Promise((/** @type {(value: undefined) => void} */ resolve) => {
      const check = () => {
        const isDrained = this.#tally.openCount === 0 && !this.#devices.some((device) => device.isRecovering);
        if (isDrained || this.#now() >= until) resolve(undefined);
        else this.#at(this.#now() + DRAIN_CHECK_MS, check);
      };
      check();
    });
  }

  /**
   * Runs an action at a time, or at once if that time has passed.
   *
   * @param {number} time
   * @param {() => void} action
   */
  #at(time, action) {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        action();
      },
      Math.max(0, Math.ceil(time - this.#now())),
    );
    this.#timers.add(timer);
  }
}
