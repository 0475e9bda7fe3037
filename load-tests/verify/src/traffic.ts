/*
 * The load: an open loop. By the clock a message starts, whatever became of those before; it is tried with the same
 * client message id until it has an ack or is refused for good. Some are sent twice at once from two devices, some again
 * after their ack, and now and then somebody reads.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { laneNumberOf } from '@chat-cluster/queue';
import { between, fingerprint, oneOf, type Random, type ReadAttempt, type SendAttempt } from '@chat-cluster/testkit';
import { backOff } from './back-off.ts';
import type { Device, SendOutcome } from './device.ts';
import type { Conversation, Population, User } from './population.ts';

export interface TrafficOptions {
  /** Messages a second, over all users. */
  rate: number;
  readsPerSecond: number;
  /** Share of messages sent twice at once, from two devices of the sender when it has two; and again after the ack. */
  twice: number;
  again: number;
}

/** When an operation was answered that never was, in a form that JSON can carry. */
const NEVER = 1e12;

export const ORDINARY_TRAFFIC: TrafficOptions = { rate: 120, readsPerSecond: 8, twice: 0.04, again: 0.04 };

/** A message to be sent: whose, where, and what. */
export interface Draft {
  sender: User;
  conversation: Conversation;
  content: string;
  clientMessageId: string;
}

export class Traffic {
  readonly sends: SendAttempt[] = [];
  readonly reads: ReadAttempt[] = [];
  #population: Population;
  #options: TrafficOptions;
  #now: () => number;
  #random: Random;
  #lanes: number;
  #next = 0;
  #stop = new AbortController();
  /** Ended with the round: what has no ack by then stays without. */
  #giveUp = new AbortController();
  #acked: Draft[] = [];
  #open = new Map<string, number>();
  #loops: Promise<void>[] = [];
  /** When the newest acknowledged attempt of each lane began. */
  #ackedAttemptOfLane = new Map<number, number>();

  constructor(
    population: Population,
    options: TrafficOptions,
    clock: { now(): number; random: Random; lanes: number },
  ) {
    this.#population = population;
    this.#options = options;
    this.#now = clock.now;
    this.#random = clock.random;
    this.#lanes = clock.lanes;
  }

  start(): void {
    this.#loops = [
      this.#everySecond(this.#options.rate, () => void this.#sendSomething()),
      this.#everySecond(this.#options.readsPerSecond, () => void this.#readSomething()),
    ];
  }

  /** No new messages; those under way are tried on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  giveUp(): void {
    this.#giveUp.abort();
  }

  /** Messages that have no ack yet and are not refused for good. */
  get underWay(): string[] {
    return [...this.#open.keys()];
  }

  /** True when each lane has acknowledged an attempt that began at `time` or later. */
  everyLaneAnswersSince(time: number): boolean {
    const lanes = new Set(this.#population.conversations.map(({ id }) => this.#laneNumberOf(id)));
    return [...lanes].every((lane) => (this.#ackedAttemptOfLane.get(lane) ?? -1) >= time);
  }

  someDraft(content?: string): Draft {
    const conversation = oneOf(this.#random, this.#population.conversations);
    const sender = oneOf(this.#random, conversation.users);
    const number = this.#next++;
    return { sender, conversation, content: content ?? `text ${number}`, clientMessageId: `m${number}` };
  }

  /** Tries until there is an ack, a refusal for good, or the end of the round; resolves with the last outcome. */
  async deliver(draft: Draft, device: Device): Promise<SendOutcome> {
    const key = `${draft.conversation.id} ${draft.clientMessageId}`;
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
    try {
      for (let attempt = 0; ; attempt++) {
        const outcome = await this.#try(draft, device);
        const done = outcome.kind === 'acked' || (outcome.kind === 'refused' && !outcome.retryable);
        if (done || this.#giveUp.signal.aborted) return outcome;
        await backOff(attempt, this.#random);
      }
    } finally {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left === 0) this.#open.delete(key);
      else this.#open.set(key, left);
    }
  }

  async #try(draft: Draft, device: Device): Promise<SendOutcome> {
    while (!device.connected || device.connection === '') {
      if (this.#giveUp.signal.aborted) return { kind: 'unknown', at: this.#now() };
      await delay(20);
    }
    const { sender, conversation, content, clientMessageId } = draft;
    const attempt: SendAttempt = {
      at: this.#now(),
      device: device.history.id,
      connection: device.connection,
      sender: sender.id,
      conversationId: conversation.id,
      clientMessageId,
      content: fingerprint(content),
      outcome: { kind: 'unknown', at: NEVER },
    };
    this.sends.push(attempt);
    attempt.outcome = await device.send({ conversationId: conversation.id, clientMessageId, content });
    if (attempt.outcome.kind === 'acked') this.#noteAck(conversation.id, attempt.at);
    return attempt.outcome;
  }

  #noteAck(conversationId: string, startedAt: number): void {
    const lane = this.#laneNumberOf(conversationId);
    this.#ackedAttemptOfLane.set(lane, Math.max(startedAt, this.#ackedAttemptOfLane.get(lane) ?? 0));
  }

  #laneNumberOf(conversationId: string): number {
    return laneNumberOf(conversationId as Parameters<typeof laneNumberOf>[0], this.#lanes);
  }

  /** Sends again what was acknowledged before, up to so many messages, each from some device of its sender. */
  async sendAgain(atMost: number): Promise<void> {
    const drafts = this.#acked.slice(-atMost);
    await Promise.all(drafts.map((draft) => this.deliver(draft, oneOf(this.#random, draft.sender.devices))));
  }

  async #sendSomething(): Promise<void> {
    const draft = this.someDraft();
    const device = oneOf(this.#random, draft.sender.devices);
    const dice = this.#random();
    const other = oneOf(this.#random, draft.sender.devices.filter((one) => one !== device).concat(device));
    if (dice < this.#options.twice) void this.deliver(draft, other);
    const outcome = await this.deliver(draft, device);
    if (outcome.kind === 'acked') this.#acked.push(draft);
    if (outcome.kind !== 'acked' || dice < 1 - this.#options.again) return;
    await delay(between(this.#random, 100, 2_000));
    if (this.#stop.signal.aborted) return;
    await this.deliver(draft, other);
  }

  async #readSomething(): Promise<void> {
    const user = oneOf(this.#random, this.#population.users);
    const device = oneOf(this.#random, user.devices);
    const { id: conversationId } = oneOf(this.#random, user.conversations);
    if (!device.connected) return;
    const at = this.#now();
    const everything = this.#random() < 0.5;
    const upToSeq = Math.floor(device.heldUpTo(conversationId) * this.#random());
    const attempt: ReadAttempt = {
      at,
      userId: user.id,
      conversationId,
      outcome: { kind: 'unknown', at: NEVER },
    };
    this.reads.push(attempt);
    const key = `read ${user.id} ${at}`;
    this.#open.set(key, 1);
    attempt.outcome = await device.read({ conversationId, ...(everything ? {} : { upToSeq }) });
    this.#open.delete(key);
  }

  /** Calls `act` so many times a second by the clock, until stopped; a late turn is made up for. */
  async #everySecond(times: number, act: () => void): Promise<void> {
    const started = performance.now();
    for (let done = 0; !this.#stop.signal.aborted; ) {
      const due = ((performance.now() - started) / 1_000) * times;
      for (; done < due; done++) act();
      await delay(1_000 / Math.max(times, 100));
    }
  }
}
