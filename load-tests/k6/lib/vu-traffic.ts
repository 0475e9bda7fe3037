import type { Message } from '@chat-cluster/contracts';
import { schedule } from '../generated/client-library.js';
import { Device } from './device.ts';
import type { Meter } from './metrics.ts';
import type { Plan } from './plans.ts';
import type { Part } from './population.ts';
import type { Settings } from './settings.ts';
import { Tally } from './tally.ts';
import type { W3cSocket } from './text-socket.ts';

export interface TrafficOptions {
  plan: Plan;
  settings: Settings;
  part: Part;
  meter: Meter;
  openSocket: (url: string) => W3cSocket;
  tokenOf: (user: string) => Promise<string>;
}

/** A sender in a conversation: its devices, and those of all participants. */
interface Direction {
  conversationId: string;
  from: Device[];
  all: Device[];
}

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
export async function runVuTraffic(options: TrafficOptions): Promise<void> {
  const traffic = new VuTraffic(options);
  await traffic.createDevices();
  await traffic.run();
}

class VuTraffic {
  #options: TrafficOptions;
  #tally: Tally;
  #devices: Device[] = [];
  /** By user. */
  #devicesOf = new Map<string, Device[]>();
  #directions: Direction[] = [];
  #sent = 0;
  #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#tally = new Tally(options.meter);
  }

  /** Creates the devices, which do not connect yet. */
  async createDevices(): Promise<void> {
    const { part, tokenOf, settings } = this.#options;
    const conversationsOf = new Map<string, string[]>();
    for (const { id, users } of part.conversations)
      for (const user of users) conversationsOf.set(user, [...(conversationsOf.get(user) || []), id]);
    for (const [user, conversations] of conversationsOf) {
      const token = await tokenOf(user);
      const devices = [];
      for (let i = 0; i < settings.DEVICES; i++) devices.push(this.#device(user, token, conversations));
      this.#devicesOf.set(user, devices);
    }
    for (const { id, users, senders } of part.conversations) {
      const devices = users.map((user) => this.#devicesOf.get(user) || []);
      const all = devices.flat();
      for (const sender of senders) this.#directions.push({ conversationId: id, from: devices[sender] || [], all });
    }
  }

  async run(): Promise<void> {
    const { plan, settings, part } = this.#options;
    const begin = part.startedAt + part.connectMs;
    this.#devices.forEach((device, i) => {
      this.#at(part.startedAt + (part.vu + i * part.vus) * (1000 / settings.CONNECT_RATE), () => device.connect());
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

  #device(user: string, token: string, conversations: readonly string[]): Device {
    const { settings, meter, openSocket, plan } = this.#options;
    const url = settings.URL[this.#devices.length % settings.URL.length] || '';
    const tally = this.#tally;
    const withGroups = plan.shape === 'groups';
    const device: Device = new Device({ url, user, token, conversations, withGroups, openSocket }, meter, {
      received: (message, bySync) => this.#received(device, message, bySync),
      acked: (id) => tally.acked(id),
      refused: (id, code) => tally.refused(id, code),
    });
    this.#devices.push(device);
    return device;
  }

  #received(device: Device, message: Message, bySync: boolean): void {
    const isSender = message.senderId === device.user;
    this.#tally.received(message.clientMessageId, device, { isSender, bySync });
    const isFirst = this.#devicesOf.get(device.user)?.[0] === device;
    if (!isSender && isFirst && Math.random() < this.#options.settings.READ_RATIO)
      device.markRead(message.conversationId, message.seq);
  }

  /** Sends all messages of the schedule. Resolves after the last one. */
  #sendAll(begin: number): Promise<void> {
    const { plan, settings, part } = this.#options;
    const arrivals = schedule(plan.phases(settings), {
      share: part.share,
      offset: (part.vu + 0.5) / part.vus,
      random: settings.ARRIVALS === 'poisson' ? Math.random : undefined,
    });
    let next = arrivals.next();
    return new Promise((resolve) => {
      const tick = () => {
        for (let burst = 0; !next.done && begin + next.value.at <= Date.now(); next = arrivals.next()) {
          if (++burst > BURST) break;
          this.#send(begin + next.value.at, next.value.phase);
        }
        if (next.done) resolve();
        else this.#at(begin + next.value.at, tick);
      };
      this.#at(begin, tick);
    });
  }

  #send(dueAt: number, phase: string): void {
    const { part, settings } = this.#options;
    const n = this.#sent++;
    const direction = this.#directions[n % this.#directions.length];
    const device = direction?.from[Math.floor(Math.random() * direction.from.length)];
    if (!direction || !device) return;
    const clientMessageId = `${part.runId}-${part.vu}-${n}`;
    this.#tally.sent(clientMessageId, { dueAt, phase, devices: direction.all });
    const content = `${n} `.padEnd(settings.CONTENT_BYTES, 'abcdefghij ');
    device.queue({ conversationId: direction.conversationId, content, clientMessageId });
  }

  #storm(fraction: number): void {
    const count = Math.round(this.#devices.length * fraction);
    for (const device of this.#devices.slice(0, count)) device.cut();
  }

  /** Cuts the connection of a random device, again and again, at intervals of `meanMs` on average. */
  #churn(from: number, meanMs: number): void {
    const at = from - Math.log(1 - Math.random()) * meanMs;
    this.#at(at, () => {
      this.#devices[Math.floor(Math.random() * this.#devices.length)]?.cut();
      this.#churn(Date.now(), meanMs);
    });
  }

  /** Resolves when every message has an outcome and every device is in sync, or when the time for the drain is over. */
  #drained(): Promise<void> {
    const until = Date.now() + this.#options.settings.DRAIN;
    return new Promise((resolve) => {
      const check = () => {
        const isDrained = this.#tally.openCount === 0 && !this.#devices.some((device) => device.isRecovering);
        if (isDrained || Date.now() >= until) resolve();
        else this.#at(Date.now() + DRAIN_CHECK_MS, check);
      };
      check();
    });
  }

  /** Runs an action at a time, or at once if that time has passed. */
  #at(time: number, action: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        action();
      },
      Math.max(0, Math.ceil(time - Date.now())),
    );
    this.#timers.add(timer);
  }
}
