import { Turns } from '@chat-cluster/testkit/lean-client';
import { arrivals } from './arrivals.ts';
import type { Device } from './device.ts';
import type { Meter } from './meter.ts';
import type { Population, Talk } from './population.ts';
import { dropAt, rateOf } from './profiles.ts';
import type { Plan } from './protocol.ts';

/** Messages of one process without an ack. More is no load but a queue in here: further arrivals are counted and dropped. */
const MOST_IN_FLIGHT = 100_000;

/** Sends by the clock, until the end of the plan or until `stop`. */
export class Traffic {
  /** When the measured time begins, on the clock of performance.now(). */
  readonly measured: number;
  #plan: Plan;
  #meter: Meter;
  #population: Population;
  #start = performance.now();
  #turn = 0;
  #stopped = new AbortController();

  constructor(plan: Plan, population: Population, meter: Meter) {
    this.#plan = plan;
    this.#population = population;
    this.#meter = meter;
    this.measured = this.#start + plan.warmUp * 1_000;
    meter.measureFrom = this.measured;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async run(): Promise<void> {
    const { profile, duration, warmUp, index, processes, even } = this.#plan;
    const rate = rateOf(profile, this.#plan);
    const times = arrivals({
      rate: (at) => rate(at - warmUp),
      until: warmUp + duration,
      even,
      phase: index / processes,
      random: Math.random,
    });
    const drop = dropAt(profile, duration);
    const storm = setTimeout(() => this.#drop(), ((drop ?? 0) + warmUp) * 1_000);
    if (drop === undefined) clearTimeout(storm);
    const turns = new Turns();
    for (const at of times) {
      const intended = this.#start + at * 1_000;
      await turns.give();
      for (let wait = intended - performance.now(); wait > 0; wait = intended - performance.now()) {
        await this.#pause(wait);
      }
      if (this.#stopped.signal.aborted) break;
      this.#send(intended);
    }
    await this.#pause(this.#start + (warmUp + duration) * 1_000 - performance.now());
    clearTimeout(storm);
  }

  /** Until then, or until stopped. Timers know whole milliseconds: what is due within the next one waits for it. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopped;
    if (signal.aborted || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(1, Math.floor(ms)));
      signal.addEventListener('abort', end);
    });
  }

  #send(intended: number): void {
    if (this.#meter.inFlight >= MOST_IN_FLIGHT) {
      this.#meter.counts.skipped++;
      return;
    }
    const talk = this.#nextTalk();
    if (!talk) return;
    const { ledger, devices, senders } = talk;
    const sender = senders[Math.floor(Math.random() * senders.length)] ?? 0;
    this.#meter.record('lateness', intended);
    devices[sender].outbox.add(ledger, ledger.begin(sender, intended));
    if (Math.random() >= this.#plan.reads) return;
    const reader = sender === 0 ? 1 : 0;
    devices[reader].read({ ledger, side: reader });
  }

  #nextTalk(): Talk | undefined {
    const { talks } = this.#population;
    return talks[this.#plan.even ? this.#turn++ % talks.length : Math.floor(Math.random() * talks.length)];
  }

  #drop(): void {
    const devices: Device[] = [...this.#population.talking, ...this.#population.idle];
    for (const device of devices) if (Math.random() < this.#plan.drop) device.drop();
  }
}
