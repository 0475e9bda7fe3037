/*
 * The traffic of one run, the same for every arm. A message is settled when all devices that are to hear it have heard it
 * and the arm has acknowledged it, if it does that; closed loop: then the next one takes its slot. After 10 s it is lost.
 * Pairs take turns, and in a pair both sides.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Yielder } from '@chat-cluster/testkit/lean-client';
import { cpuSeconds } from '../cpu.ts';
import { percentile } from '../statistics.ts';
import type { Connection, Latency, Outcome, Run } from './wire.ts';

export interface ConnectedPair {
  conversationId: string;
  users: [string, string];
  connections: [Connection, Connection];
}

interface Flight {
  number: number;
  pair: number;
  side: 0 | 1;
  /** When it was to be sent, and when it was. */
  intended: number;
  sentAt: number;
  /** A bit for each device that heard it. */
  heard: number;
  heardBy: number;
  acked: boolean;
}

const LOST_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 250;
/** Timers have whole milliseconds, and are late by up to one more. */
const TIMER_GRAIN_MS = 2;

export class Traffic {
  #pairs: readonly ConnectedPair[];
  #run: Run;
  #devicesPerMessage: number;
  #acks: boolean;
  #prefix: string;
  #content: string;
  #flights = new Map<string, Flight>();
  #given = new Set<string>();
  #next = 0;
  #sending = true;
  #from = 0;
  #to = 0;
  #died: string | undefined;
  /** The number of the newest message heard, by device and sender. */
  #newest: Int32Array;
  #deliveries: number[] = [];
  #ackLatencies: number[] = [];
  #refusedBy: Record<string, number> = {};
  #seconds: { sent: number; acks: number[] }[] = [];
  #settledCount = 0;
  #counts = { sent: 0, lost: 0, refused: 0, duplicated: 0, reordered: 0 };

  constructor(
    pairs: readonly ConnectedPair[],
    run: Run,
    arm: { devicesPerMessage: number; acks: boolean },
    id: number,
  ) {
    this.#pairs = pairs;
    this.#run = run;
    this.#devicesPerMessage = arm.devicesPerMessage;
    this.#acks = arm.acks;
    this.#prefix = `${id}.`;
    this.#content = 'x'.repeat(run.size);
    this.#newest = new Int32Array(pairs.length * 4).fill(-1);
  }

  /** Ends when every message is settled or lost, or at once when the arm died. */
  async run(): Promise<Outcome> {
    const { warmUpSeconds, seconds, rate, inFlight, processes } = this.#run;
    const start = performance.now();
    this.#from = start + warmUpSeconds * 1_000;
    const steps = this.#run.after ?? [];
    this.#to = this.#from + steps.reduce((sum, step) => sum + step.seconds, seconds) * 1_000;
    const look = setInterval(() => this.#giveUpOld(), LOOK_EVERY_MS);
    const usage = this.#watchUsage(processes);
    if (rate > 0) await this.#sendInSteps(start, [{ rate, seconds: warmUpSeconds + seconds }, ...steps]);
    else for (let i = 0; i < inFlight; i++) this.#send(performance.now());
    const { elapsed, settled, cpu } = await usage;
    this.#sending = false;
    while (this.#flights.size > 0 && this.#died === undefined) await delay(5);
    clearInterval(look);
    return {
      ...(this.#died === undefined ? {} : { died: this.#died }),
      deliveredPerSecond: elapsed > 0 ? settled / elapsed : 0,
      delivery: latency(this.#deliveries),
      ...(this.#acks ? { ack: latency(this.#ackLatencies) } : {}),
      cpu: Object.fromEntries([...cpu].map(([name, used]) => [name, settled > 0 ? (used * 1e6) / settled : 0])),
      ...this.#counts,
      refusedBy: this.#refusedBy,
      timeline: Array.from(this.#seconds, (second) => ({
        sent: second?.sent ?? 0,
        acked: second?.acks.length ?? 0,
        ackP99: percentile(second?.acks ?? [], 0.99),
      })),
    };
  }

  /** A device of the pair heard a message. */
  hear(pair: number, device: 0 | 1, id: string): void {
    const flight = this.#flights.get(id);
    if (!flight) {
      // Of an earlier run, given up in this one, or settled already.
      if (id.startsWith(this.#prefix) && !this.#given.has(id)) this.#counts.duplicated++;
      return;
    }
    if (flight.heard & (1 << device)) {
      this.#counts.duplicated++;
      return;
    }
    flight.heard |= 1 << device;
    const place = pair * 4 + device * 2 + flight.side;
    if (flight.number < (this.#newest[place] ?? -1)) this.#counts.reordered++;
    else this.#newest[place] = flight.number;
    if (++flight.heardBy < this.#devicesPerMessage) return;
    if (this.#isMeasured(flight)) this.#deliveries.push(performance.now() - flight.intended);
    if (flight.acked) this.#settle(id);
  }

  /** A connection ended: the arm is gone. */
  die(why: string): void {
    this.#died ??= why;
  }

  #send(intended: number): void {
    const number = this.#next++;
    const pair = number % this.#pairs.length;
    const side = (Math.floor(number / this.#pairs.length) % 2) as 0 | 1;
    const { conversationId, users, connections } = this.#pairs[pair] as ConnectedPair;
    const id = this.#prefix + number;
    const flight: Flight = {
      number,
      pair,
      side,
      intended,
      sentAt: performance.now(),
      heard: 0,
      heardBy: 0,
      acked: !this.#acks,
    };
    this.#flights.set(id, flight);
    this.#counts.sent++;
    if (this.#isMeasured(flight)) this.#second(intended).sent++;
    const to = users[1 - side] as string;
    connections[side].send({ conversationId, to, id, content: this.#content }, (refusal) =>
      this.#acknowledged(id, refusal),
    );
  }

  #acknowledged(id: string, refusal: string | undefined): void {
    const flight = this.#flights.get(id);
    if (!flight || flight.acked) return;
    if (refusal !== undefined) {
      this.#counts.refused++;
      this.#refusedBy[refusal] = (this.#refusedBy[refusal] ?? 0) + 1;
      this.#drop(id);
      return;
    }
    flight.acked = true;
    if (this.#isMeasured(flight)) {
      const latency = performance.now() - flight.intended;
      this.#ackLatencies.push(latency);
      this.#second(flight.intended).acks.push(latency);
    }
    if (flight.heardBy >= this.#devicesPerMessage) this.#settle(id);
  }

  #settle(id: string): void {
    this.#settledCount++;
    this.#flights.delete(id);
    this.#refill();
  }

  #drop(id: string): void {
    this.#given.add(id);
    this.#flights.delete(id);
    this.#refill();
  }

  #refill(): void {
    if (this.#run.rate === 0 && this.#sending && this.#died === undefined) this.#send(performance.now());
  }

  #giveUpOld(): void {
    const before = performance.now() - LOST_AFTER_MS;
    for (const [id, { sentAt }] of this.#flights) {
      // In the order of sending.
      if (sentAt > before) break;
      this.#counts.lost++;
      this.#drop(id);
    }
  }

  async #sendInSteps(start: number, steps: readonly { rate: number; seconds: number }[]): Promise<void> {
    let from = start;
    for (const { rate, seconds } of steps) {
      const to = from + seconds * 1_000;
      await this.#sendByTheClock(from, rate, to);
      from = to;
    }
  }

  /** What is late counts from when it was to be sent, so a stall is not hidden; the grain of timers is no stall. */
  async #sendByTheClock(start: number, rate: number, to: number): Promise<void> {
    const every = 1_000 / rate;
    const yielder = new Yielder();
    for (let i = 0; this.#died === undefined; i++) {
      const intended = start + i * every;
      if (intended >= to) return;
      const wait = intended - performance.now();
      await (wait > 0 ? delay(wait) : yielder.yieldWhenDue());
      const now = performance.now();
      this.#send(now - intended < TIMER_GRAIN_MS ? now : intended);
    }
  }

  async #watchUsage(processes: Run['processes']) {
    await this.#until(this.#from);
    const before = await this.#usage(processes);
    await this.#until(this.#to);
    await this.#untilMeasured(before.settled);
    const after = await this.#usage(processes);
    const cpu = new Map([...after.cpu].map(([name, used]) => [name, used - (before.cpu.get(name) ?? 0)]));
    return { elapsed: (after.at - before.at) / 1_000, settled: after.settled - before.settled, cpu };
  }

  async #usage(processes: Run['processes']) {
    const { user, system } = process.cpuUsage();
    const seen = { at: performance.now(), settled: this.#settledCount };
    const cpu = (await cpuSeconds(processes)).set('generator', (user + system) / 1e6);
    return { ...seen, cpu };
  }

  /** A closed loop that has seen no message through in its time goes on: its figures would be of nothing. */
  async #untilMeasured(settledBefore: number): Promise<void> {
    const nothing = () => this.#settledCount === settledBefore || this.#deliveries.length === 0;
    while (this.#run.rate === 0 && nothing() && this.#counts.lost === 0 && this.#died === undefined) {
      this.#to = performance.now() + LOOK_EVERY_MS;
      await this.#until(this.#to);
    }
  }

  async #until(time: number): Promise<void> {
    while (this.#died === undefined && performance.now() < time) {
      await delay(Math.min(LOOK_EVERY_MS, Math.max(1, time - performance.now())));
    }
  }

  #second(intended: number) {
    const index = Math.floor((intended - this.#from) / 1_000);
    const second = this.#seconds[index] ?? { sent: 0, acks: [] };
    this.#seconds[index] = second;
    return second;
  }

  #isMeasured({ intended }: Flight): boolean {
    return intended >= this.#from && intended < this.#to;
  }
}

function latency(values: number[]): Latency {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99) };
}
