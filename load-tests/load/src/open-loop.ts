import { Yielder } from '@chat-cluster/testkit/lean-client';
import { arrivals } from './arrivals.ts';
import type { Meter } from './meter.ts';
import type { Conversation, Population } from './population.ts';
import { rateOf, stormAt } from './profiles.ts';
import type { Plan } from './protocol.ts';

/** Most messages of one process without an ack. Beyond it due messages are skipped: they would only queue here. */
const MAX_IN_FLIGHT = 100_000;

/** Sends the messages of a plan by the clock, whatever happens to earlier ones, until its end or until `stop`. */
export class OpenLoop {
  /** Start of the measured time (performance.now()), after the warm-up. */
  readonly measureFrom: number;
  #plan: Plan;
  #meter: Meter;
  #population: Population;
  #start = performance.now();
  #next = 0;
  #stopped = new AbortController();

  constructor(plan: Plan, population: Population, meter: Meter) {
    this.#plan = plan;
    this.#population = population;
    this.#meter = meter;
    this.measureFrom = this.#start + plan.warmUp * 1_000;
    meter.measureFrom = this.measureFrom;
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
    const drop = stormAt(profile, duration);
    const storm = setTimeout(() => this.#dropConnections(), ((drop ?? 0) + warmUp) * 1_000);
    if (drop === undefined) clearTimeout(storm);
    const yielder = new Yielder();
    for (const at of times) {
      const dueAt = this.#start + at * 1_000;
      await yielder.yieldWhenDue();
      for (let wait = dueAt - performance.now(); wait > 0; wait = dueAt - performance.now()) {
        await this.#pause(wait);
      }
      if (this.#stopped.signal.aborted) break;
      this.#send(dueAt);
    }
    await this.#pause(this.#start + (warmUp + duration) * 1_000 - performance.now());
    clearTimeout(storm);
  }

  /** Resolves after `ms`, or when stopped. Timers have whole milliseconds: a shorter rest is rounded up to one. */
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

  #send(dueAt: number): void {
    if (this.#meter.inFlight >= MAX_IN_FLIGHT) {
      this.#meter.counts.skipped++;
      return;
    }
    const conversation = this.#nextConversation();
    if (!conversation) return;
    const { checker, devices, senders } = conversation;
    const sender = senders[Math.floor(Math.random() * senders.length)] ?? 0;
    this.#meter.record('lateness', dueAt);
    devices[sender].send({ checker, side: sender }, dueAt);
    if (Math.random() >= this.#plan.reads) return;
    const reader = sender === 0 ? 1 : 0;
    devices[reader].markRead({ checker, side: reader });
  }

  #nextConversation(): Conversation | undefined {
    const { conversations } = this.#population;
    const { length } = conversations;
    return conversations[this.#plan.even ? this.#next++ % length : Math.floor(Math.random() * length)];
  }

  #dropConnections(): void {
    const { active, idle } = this.#population;
    for (const device of [...active, ...idle]) if (Math.random() < this.#plan.drop) device.drop();
  }
}
