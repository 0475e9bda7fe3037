import { setTimeout as delay } from 'node:timers/promises';
import { schedule, Yielder } from '@chat-cluster/testkit/lean-client';
import type { Meter } from './meter.ts';
import type { Conversation, Member, Population } from './population.ts';
import { phasesOf, stormAt } from './profiles.ts';
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
    const random = even ? undefined : Math.random;
    const times = schedule(phasesOf(profile, this.#plan), { random, offset: index / processes });
    const drop = stormAt(profile, duration);
    const storm = setTimeout(() => this.#dropConnections(), ((drop ?? 0) + warmUp) * 1_000);
    if (drop === undefined) clearTimeout(storm);
    const yielder = new Yielder();
    for (const { at } of times) {
      const dueAt = this.#start + at;
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
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopped;
    // It rejects when it is aborted.
    if (ms > 0) await delay(Math.max(1, Math.floor(ms)), undefined, { signal }).catch(() => {});
  }

  #send(dueAt: number): void {
    if (this.#meter.inFlight >= MAX_IN_FLIGHT) {
      this.#meter.counts.skipped++;
      return;
    }
    const conversation = this.#nextConversation();
    if (!conversation) return;
    const { members, senders } = conversation;
    const sender = oneOf(senders);
    const other = oneOf(members.filter((member) => member !== sender));
    if (!sender || !other) return;
    this.#meter.record('lateness', dueAt);
    sender.device.send(sender, dueAt, this.#changeOf(sender, other));
    if (Math.random() < this.#plan.reads) other.device.markRead(other);
  }

  #nextConversation(): Conversation | undefined {
    const { direct, groups } = this.#population;
    const list = groups.length > 0 && Math.random() < this.#plan.groupShare ? oneOf(groups) : direct;
    return this.#plan.even ? list?.[this.#next++ % list.length] : list && oneOf(list);
  }

  /** What happens to a message when it is acknowledged. A message is changed once at most. */
  #changeOf(sender: Member, other: Member): ((seq: number) => void) | undefined {
    const { deletes, edits, reactions, size } = this.#plan;
    const draw = Math.random();
    if (draw >= deletes + edits + reactions) return undefined;
    if (draw < deletes) return (seq) => sender.device.change(sender, 'delete_message', seq);
    if (draw >= deletes + edits) {
      return (seq) => other.device.change(other, 'set_reaction', seq, { emoji: '👍', on: true });
    }
    return (seq) => sender.device.change(sender, 'edit_message', seq, { content: 'y'.repeat(size) });
  }

  #dropConnections(): void {
    const { active, idle } = this.#population;
    for (const device of [...active, ...idle]) if (Math.random() < this.#plan.drop) device.drop();
  }
}

function oneOf<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}
