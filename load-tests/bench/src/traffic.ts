import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Message } from '@chat-cluster/contracts';
import type { TestClient } from '@chat-cluster/testkit';
import { Yielder } from '@chat-cluster/testkit/lean-client';
import type { Pair } from './users.ts';

export interface TrafficOptions {
  /** Messages per second sent by the clock, whatever comes back; 0: closed loop. */
  rate: number;
  /** Closed loop: messages under way at any time, over all pairs. */
  inFlight: number;
  /** Not measured. */
  warmUpSeconds: number;
  /** Measured. */
  seconds: number;
  /** Closed loop: ends earlier, once so many were sent. */
  messages?: number;
  /** Characters of a message. */
  size: number;
}

/** What was seen in the measured time, and what was wrong over the whole run. Latencies in milliseconds. */
export interface Outcome {
  delivered: number;
  seconds: number;
  ackLatencies: number[];
  deliveryLatencies: number[];
  sent: number;
  acked: number;
  refused: Map<string, number>;
  /** Deliveries (a message at a device) that never came, came twice, came with a smaller seq than the one before. */
  lost: number;
  duplicated: number;
  reordered: number;
}

const QUIET_DEADLINE_MS = 20_000;

/**
 * Lets the pairs talk as the options say and counts. Ends when every acknowledged message is at both devices. The same
 * pairs may talk again in a later run.
 */
export async function runTraffic(pairs: readonly Pair[], options: TrafficOptions): Promise<Outcome> {
  const run = new Run(pairs, options);
  const from = performance.now() + options.warmUpSeconds * 1_000;
  const to = from + options.seconds * 1_000;
  run.measureBetween(from, to);
  await (options.rate > 0 ? run.openLoop(to) : run.closedLoop(to));
  await run.quiet();
  run.stopListening();
  return run.outcome();
}

class Run {
  #pairs: readonly Pair[];
  #options: TrafficOptions;
  #text: string;
  #from = 0;
  #to = 0;
  #outcome: Outcome;
  /** When each message was to be sent, by client message id. */
  #started = new Map<string, number>();
  /** How many devices have heard an acknowledged or delivered message, by client message id. */
  #heard = new Map<string, number>();
  #pending = 0;
  /** Makes the client message ids of this run its own. */
  #run = randomBytes(4).toString('hex');
  #next = 0;

  constructor(pairs: readonly Pair[], options: TrafficOptions) {
    this.#pairs = pairs;
    this.#options = options;
    this.#text = 'x'.repeat(options.size);
    this.#outcome = {
      delivered: 0,
      seconds: options.seconds,
      ackLatencies: [],
      deliveryLatencies: [],
      sent: 0,
      acked: 0,
      refused: new Map(),
      lost: 0,
      duplicated: 0,
      reordered: 0,
    };
    for (const pair of pairs) for (const device of pair.devices) this.#listen(device);
  }

  measureBetween(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
  }

  stopListening(): void {
    for (const { devices } of this.#pairs) for (const { socket } of devices) socket.off('new_message');
  }

  async closedLoop(until: number): Promise<void> {
    const { inFlight, messages = Number.POSITIVE_INFINITY } = this.#options;
    const loops = Array.from({ length: inFlight }, async (_, i) => {
      while (performance.now() < until && this.#outcome.sent < messages) await this.#send(i, performance.now());
    });
    await Promise.all(loops);
  }

  /** Sends by the clock; what is late counts from when it was to be sent, so a stall is not hidden. */
  async openLoop(until: number): Promise<void> {
    const start = performance.now();
    const every = 1_000 / this.#options.rate;
    const yielder = new Yielder();
    for (let i = 0; ; i++) {
      const intended = start + i * every;
      if (intended >= until) break;
      const wait = intended - performance.now();
      await (wait > 1 ? delay(wait) : yielder.yieldWhenDue());
      void this.#send(i, intended);
    }
  }

  /** Until every send is answered and every acknowledged message is at both devices, or the deadline. */
  async quiet(): Promise<void> {
    const until = performance.now() + QUIET_DEADLINE_MS;
    const settled = () => this.#pending === 0 && [...this.#heard.values()].every((devices) => devices >= 2);
    while (!settled() && performance.now() < until) await delay(50);
  }

  outcome(): Outcome {
    for (const devices of this.#heard.values()) {
      this.#outcome.lost += Math.max(0, 2 - devices);
      this.#outcome.duplicated += Math.max(0, devices - 2);
    }
    return this.#outcome;
  }

  async #send(i: number, intended: number): Promise<void> {
    const pair = this.#pairs[i % this.#pairs.length] as Pair;
    const sender = pair.devices[Math.floor(i / this.#pairs.length) % 2] as TestClient;
    const clientMessageId = `${this.#run}-${this.#next++}`;
    this.#started.set(clientMessageId, intended);
    this.#outcome.sent++;
    this.#pending++;
    const ack = await sender
      .send({ conversationId: pair.conversationId, content: this.#text, clientMessageId })
      .catch((error: Error) => ({ ok: false as const, error: { code: error.message } }));
    this.#pending--;
    if (!ack.ok) {
      this.#outcome.refused.set(ack.error.code, (this.#outcome.refused.get(ack.error.code) ?? 0) + 1);
      return;
    }
    this.#outcome.acked++;
    this.#heard.set(clientMessageId, this.#heard.get(clientMessageId) ?? 0);
    const now = performance.now();
    if (this.#measuring(now)) this.#outcome.ackLatencies.push(now - intended);
  }

  #listen(device: TestClient): void {
    let lastSeq = 0;
    device.socket.on('new_message', (message: Message) => {
      const now = performance.now();
      if (message.seq < lastSeq) this.#outcome.reordered++;
      lastSeq = message.seq;
      const devices = (this.#heard.get(message.clientMessageId) ?? 0) + 1;
      this.#heard.set(message.clientMessageId, devices);
      if (devices !== 2 || !this.#measuring(now)) return;
      this.#outcome.delivered++;
      this.#outcome.deliveryLatencies.push(now - (this.#started.get(message.clientMessageId) ?? now));
    });
  }

  #measuring(now: number): boolean {
    return now >= this.#from && now < this.#to;
  }
}
