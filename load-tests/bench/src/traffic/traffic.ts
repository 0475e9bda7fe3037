import { setTimeout as delay } from 'node:timers/promises';
import { callByClock } from '@chat-cluster/testkit/lean-client';
import { measureCpu } from '@chat-cluster/testkit/processes';
import type { ConnectedConversation } from './connection.ts';
import { latencyOf, MeasuredMessages } from './measured-messages.ts';
import type { Outcome, Run } from './run.ts';

/** What the server sends back: to how many devices, and whether it acknowledges. */
type Plan = { devicesPerMessage: number; acks: boolean };

/** A message that is sent and not settled. */
interface Flight {
  /** Its number in the measured messages. It decides the conversation and the sender. */
  number: number;
  sentAt: number;
  /** One bit for each device that received it, in words of 32, and their number. */
  received: number[];
  receivedCount: number;
  acked: boolean;
}

const LOST_AFTER_MS = 10_000;
const CHECK_EVERY_MS = 250;

/**
 * The traffic of one run, the same for every experiment and arm. Conversations take turns, and in each its users. A
 * message is settled when all its devices have received it and, where the server acknowledges, its ack has arrived; in a
 * closed loop the next message then takes its slot. A message that is not settled after 10 s is lost.
 */
export class Traffic {
  /** Acknowledged messages of each conversation. */
  readonly acked: Uint32Array;
  readonly measured = new MeasuredMessages();
  #conversations: readonly ConnectedConversation[];
  /** Devices of each conversation. */
  #devices: number;
  #run: Run;
  #plan: Plan;
  #prefix: string;
  #content: string;
  #flights = new Map<string, Flight>();
  /** Messages that were refused or lost: a later delivery is no duplicate. */
  #dropped = new Set<string>();
  #sending = true;
  #from = 0;
  #to = 0;
  #died: string | undefined;
  /** Highest message number that arrived, by device and sender; highest seq, by device. */
  #newestNumber: Int32Array;
  #newestSeq: Float64Array;
  #refusedBy: Record<string, number> = {};
  #settled = 0;
  #counts = { sent: 0, lost: 0, refused: 0, duplicated: 0, reordered: 0 };

  /** `id` differs between the runs of the same connections. */
  constructor(conversations: readonly ConnectedConversation[], run: Run, plan: Plan, id: number) {
    this.#conversations = conversations;
    this.#devices = conversations[0]?.connections.length ?? 0;
    this.#run = run;
    this.#plan = plan;
    this.#prefix = `${id}.`;
    this.#content = 'x'.repeat(run.size);
    this.#newestNumber = new Int32Array(conversations.length * this.#devices ** 2).fill(-1);
    this.#newestSeq = new Float64Array(conversations.length * this.#devices);
    this.acked = new Uint32Array(conversations.length);
  }

  /** Resolves when every message is settled or lost, or at once when a connection was closed. */
  async run(): Promise<Outcome> {
    const { warmUpSeconds = 0, seconds, rate = 0, inFlight = 0, after = [] } = this.#run;
    const start = performance.now();
    this.#from = start + warmUpSeconds * 1_000;
    this.#to = this.#from + after.reduce((sum, step) => sum + step.seconds, seconds) * 1_000;
    const check = setInterval(() => this.#dropOld(), CHECK_EVERY_MS);
    const usage = this.#measureUsage();
    if (rate > 0) await this.#sendByClock(start, [{ rate, seconds: warmUpSeconds + seconds }, ...after]);
    else for (let i = 0; i < inFlight; i++) this.#send(performance.now());
    const { elapsed, settled, cpu } = await usage;
    this.#sending = false;
    while (this.#flights.size > 0 && this.#died === undefined) await delay(5);
    clearInterval(check);
    const { ackMs, deliveryMs } = this.measured.between(this.#from, this.#to);
    return {
      ...(this.#died === undefined ? {} : { died: this.#died }),
      deliveredPerSecond: elapsed > 0 ? settled / elapsed : 0,
      delivery: latencyOf(deliveryMs.filter(Number.isFinite)),
      ...(this.#plan.acks ? { ack: latencyOf(ackMs.filter(Number.isFinite)) } : {}),
      cpu: Object.fromEntries(Object.entries(cpu).map(([name, s]) => [name, settled > 0 ? (s * 1e6) / settled : 0])),
      ...this.#counts,
      refusedBy: this.#refusedBy,
      timeline: this.measured.timeline(this.#from, this.#to),
    };
  }

  /** Ends the measured time now. */
  stop(): void {
    this.#to = performance.now();
  }

  /** A connection was closed: ends the run. */
  die(reason: string): void {
    this.#died ??= reason;
  }

  /** A device of a conversation received a message. */
  received(conversation: number, device: number, id: string, seq: number | undefined): void {
    const flight = this.#flights.get(id);
    if (!flight) {
      // Otherwise it is a message of an earlier run, or was dropped in this one.
      if (id.startsWith(this.#prefix) && !this.#dropped.has(id)) this.#counts.duplicated++;
      return;
    }
    const [word, bit] = [device >> 5, 1 << (device & 31)];
    const received = flight.received[word] ?? 0;
    if (received & bit) {
      this.#counts.duplicated++;
      return;
    }
    flight.received[word] = received | bit;
    if (this.#isLate(flight.number, conversation * this.#devices + device, seq)) this.#counts.reordered++;
    if (++flight.receivedCount < this.#plan.devicesPerMessage) return;
    this.measured.deliveryMs[flight.number] = performance.now() - (this.measured.dueAt[flight.number] ?? 0);
    if (flight.acked) this.#settle(id);
  }

  #isLate(number: number, device: number, seq: number | undefined): boolean {
    const sender = device * this.#devices + this.#senderOf(number);
    const late = number < (this.#newestNumber[sender] ?? 0) || (seq ?? Infinity) < (this.#newestSeq[device] ?? 0);
    this.#newestNumber[sender] = Math.max(number, this.#newestNumber[sender] ?? 0);
    this.#newestSeq[device] = Math.max(seq ?? 0, this.#newestSeq[device] ?? 0);
    return late;
  }

  #send(due: number): void {
    const number = this.measured.add(due);
    const sender = this.#senderOf(number);
    const conversation = this.#conversations[this.#conversationOf(number)] as ConnectedConversation;
    const { conversationId, users, connections } = conversation;
    const id = this.#prefix + number;
    const sentAt = performance.now();
    this.#flights.set(id, { number, sentAt, received: [], receivedCount: 0, acked: !this.#plan.acks });
    this.#counts.sent++;
    const to = users[(sender + 1) % users.length] as string;
    connections[sender]?.send({ conversationId, to, id, content: this.#content }, (rejection) =>
      this.#acknowledged(id, rejection),
    );
  }

  #conversationOf(number: number): number {
    return number % this.#conversations.length;
  }

  #senderOf(number: number): number {
    return Math.floor(number / this.#conversations.length) % this.#devices;
  }

  #acknowledged(id: string, rejection: string | undefined): void {
    const flight = this.#flights.get(id);
    if (!flight || flight.acked) return;
    if (rejection !== undefined) {
      this.#counts.refused++;
      this.#refusedBy[rejection] = (this.#refusedBy[rejection] ?? 0) + 1;
      this.#drop(id);
      return;
    }
    flight.acked = true;
    const conversation = this.#conversationOf(flight.number);
    this.acked[conversation] = (this.acked[conversation] ?? 0) + 1;
    this.measured.ackMs[flight.number] = performance.now() - (this.measured.dueAt[flight.number] ?? 0);
    if (flight.receivedCount >= this.#plan.devicesPerMessage) this.#settle(id);
  }

  #settle(id: string): void {
    this.#settled++;
    this.#flights.delete(id);
    this.#refill();
  }

  #drop(id: string): void {
    this.#dropped.add(id);
    this.#flights.delete(id);
    this.#refill();
  }

  #dropOld(): void {
    const before = performance.now() - LOST_AFTER_MS;
    for (const [id, { sentAt }] of this.#flights) {
      // The flights are in the order of sending.
      if (sentAt > before) break;
      this.#counts.lost++;
      this.#drop(id);
    }
  }

  #refill(): void {
    if (!this.#run.rate && this.#sending && !this.#isOver()) this.#send(performance.now());
  }

  #isOver(): boolean {
    return this.#died !== undefined || this.#counts.sent >= (this.#run.messages ?? Infinity);
  }

  async #sendByClock(start: number, steps: readonly { rate: number; seconds: number }[]): Promise<void> {
    let from = start;
    for (const { rate, seconds } of steps) {
      const to = from + seconds * 1_000;
      const isOver = (due: number) => due >= Math.min(to, this.#to) || this.#isOver();
      await callByClock(from, 1_000 / rate, isOver, (due) => this.#send(due));
      from = to;
    }
  }

  async #measureUsage() {
    await this.#until(() => this.#from);
    const [start, settledBefore, generatorBefore] = [performance.now(), this.#settled, process.cpuUsage()];
    const cpuUsed = await measureCpu(this.#run.processes);
    await this.#until(() => this.#to);
    await this.#untilMeasured(settledBefore);
    const elapsed = (performance.now() - start) / 1_000;
    const settled = this.#settled - settledBefore;
    const { user, system } = process.cpuUsage(generatorBefore);
    const cpu = { ...(await cpuUsed()), generator: (user + system) / 1e6 };
    return { elapsed, settled, cpu };
  }

  /** Extends a closed loop that has settled no measured message in its time: it would have no figures. */
  async #untilMeasured(settledBefore: number): Promise<void> {
    const hasNothing = () =>
      this.#settled === settledBefore || !this.measured.between(this.#from, this.#to).deliveryMs.some(Number.isFinite);
    while (!this.#run.rate && hasNothing() && this.#counts.lost === 0 && !this.#isOver()) {
      this.#to = performance.now() + CHECK_EVERY_MS;
      await this.#until(() => this.#to);
    }
  }

  async #until(time: () => number): Promise<void> {
    while (!this.#isOver() && performance.now() < time()) {
      await delay(Math.min(CHECK_EVERY_MS, Math.max(1, time() - performance.now())));
    }
  }
}
