import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId } from '@chat-cluster/contracts';
import { laneNumberOf } from '@chat-cluster/queue';
import { between, oneOf, type Random } from '@chat-cluster/testkit';
import { clientBackoff, type Device, type SendOutcome } from './device.ts';
import { GroupTraffic } from './group-traffic.ts';
import { type OpenLoop, openLoop } from './open-loop.ts';
import type { Population } from './population.ts';
import type { Conversation, User } from './users.ts';

export interface TrafficOptions {
  /** Messages a second, of all users together. */
  rate: number;
  readsPerSecond: number;
  /** Share of messages sent at once from two devices of the sender, where it has two. */
  duplicateShare: number;
  /** Share of messages sent again after their ack. */
  resendShare: number;
}

export const DEFAULT_TRAFFIC: TrafficOptions = {
  rate: 120,
  readsPerSecond: 8,
  duplicateShare: 0.04,
  resendShare: 0.04,
};

/** A message to be sent. */
export interface Draft {
  sender: User;
  conversation: Conversation;
  content: string;
  clientMessageId: string;
  mentions?: { mentions?: string[]; mentionsAll?: true };
}

interface AckedMessage {
  conversation: Conversation;
  sender: User;
  /** When it was first sent. */
  sentAt: number;
  seq: number;
}

/**
 * The load: an open loop that starts messages by the clock. A message of a stock device is retried with the same client
 * message id until it is acknowledged or refused permanently; a library device does this itself. Some messages are sent
 * at once from two devices, some again after their ack, and users mark messages as read.
 */
export class Traffic {
  #population: Population;
  #options: TrafficOptions;
  #now: () => number;
  #random: Random;
  #lanes: number;
  /** Only in a round with groups. */
  #groups: GroupTraffic | undefined;
  #nextNumber = 0;
  #stopped = false;
  /** True from the end of the round on: what has no ack by then is not retried. */
  #abandoned = false;
  #acked: Draft[] = [];
  /** Running operations by a key that names them. */
  #pending = new Map<string, number>();
  #loops: OpenLoop[] = [];
  /** When each message was first sent, by conversation and client message id. */
  #firstSentAt = new Map<string, number>();
  /** The acknowledged messages of each lane, in the order of their acks. */
  #ackedOfLane = new Map<number, AckedMessage[]>();

  constructor(
    population: Population,
    options: TrafficOptions,
    { now, random, lanes }: { now(): number; random: Random; lanes: number },
  ) {
    this.#population = population;
    this.#options = options;
    this.#now = now;
    this.#random = random;
    this.#lanes = lanes;
    if (population.groups.length > 0) this.#groups = new GroupTraffic(population.groups, random);
  }

  start(): void {
    this.#groups?.start();
    this.#loops = [
      openLoop(this.#options.rate, () => void this.#sendRandom()),
      openLoop(this.#options.readsPerSecond, () => void this.#readRandom()),
    ];
  }

  /** Ends new messages. Messages that are pending are retried. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#loops, this.#groups].map((loop) => loop?.stop()));
  }

  /** Ends the retries of pending messages. */
  abandon(): void {
    this.#abandoned = true;
    this.#groups?.abandon();
    for (const device of this.#population.devices) device.abandon();
  }

  /** Messages, reads and changes that are neither acknowledged nor refused permanently. */
  get pending(): string[] {
    return [...this.#pending.keys(), ...(this.#groups?.pending ?? [])];
  }

  /** True when each lane has acknowledged and delivered live a message that was first sent at `time` or later. */
  everyLaneWorksSince(time: number): boolean {
    const lanes = new Set(this.#population.conversations.map(({ id }) => this.#laneOf(id)));
    return [...lanes].every((lane) => {
      const acked = this.#ackedOfLane.get(lane) ?? [];
      return acked.some((message) => message.sentAt >= time && this.#wasDelivered(message));
    });
  }

  #wasDelivered({ conversation, sender, seq }: AckedMessage): boolean {
    const receivers = conversation.users.filter((user) => user !== sender).flatMap(({ devices }) => devices);
    return receivers.some(({ history }) =>
      history.events.some(
        (event) => event.kind === 'message' && event.conversationId === conversation.id && event.seq === seq,
      ),
    );
  }

  /** A new message of a random user in a random conversation. */
  randomDraft(content?: string): Draft {
    const conversation = oneOf(this.#random, this.#population.conversations);
    const sender = oneOf(this.#random, conversation.users);
    const number = this.#nextNumber++;
    return {
      sender,
      conversation,
      content: content ?? `text ${number}`,
      clientMessageId: `m${number}`,
      ...this.#mentionsIn(conversation),
    };
  }

  /** Sends until the message is acknowledged, refused permanently or abandoned. Resolves with the last outcome. */
  async deliver(draft: Draft, device: Device): Promise<SendOutcome> {
    const key = `${draft.conversation.id} ${draft.clientMessageId}`;
    this.#pending.set(key, (this.#pending.get(key) ?? 0) + 1);
    try {
      for (let attempt = 0; ; attempt++) {
        const outcome = await this.#attempt(draft, device);
        const done = outcome.kind === 'acked' || (outcome.kind === 'refused' && !outcome.retryable);
        if (done || this.#abandoned) return outcome;
        await clientBackoff(attempt, this.#random);
      }
    } finally {
      const left = (this.#pending.get(key) ?? 1) - 1;
      if (left === 0) this.#pending.delete(key);
      else this.#pending.set(key, left);
    }
  }

  /** Sends up to `atMost` acknowledged messages again, each from a random device of its sender. */
  async resend(atMost: number): Promise<void> {
    const drafts = this.#acked.slice(-atMost);
    await Promise.all(drafts.map((draft) => this.deliver(draft, oneOf(this.#random, draft.sender.devices))));
  }

  async #attempt(
    { sender, conversation, content, clientMessageId, mentions }: Draft,
    device: Device,
  ): Promise<SendOutcome> {
    const key = `${conversation.id} ${clientMessageId}`;
    const sentAt = this.#firstSentAt.get(key) ?? this.#now();
    this.#firstSentAt.set(key, sentAt);
    const outcome = await device.send({ conversationId: conversation.id, clientMessageId, content, ...mentions });
    if (outcome.kind === 'acked') this.#noteAck({ conversation, sender, sentAt, seq: outcome.seq });
    return outcome;
  }

  #noteAck(message: AckedMessage): void {
    const lane = this.#laneOf(message.conversation.id);
    const acked = this.#ackedOfLane.get(lane);
    if (acked) acked.push(message);
    else this.#ackedOfLane.set(lane, [message]);
    this.#groups?.note(message);
  }

  /** The base protocol has no mentions. */
  #mentionsIn({ id, users }: Conversation): Pick<Draft, 'mentions'> {
    const isGroup = this.#population.groups.some((group) => group.id === id);
    return isGroup && this.#groups ? { mentions: this.#groups.mentions(users) } : {};
  }

  #laneOf(conversationId: string): number {
    return laneNumberOf(conversationId as ConversationId, this.#lanes);
  }

  async #sendRandom(): Promise<void> {
    const draft = this.randomDraft();
    const device = oneOf(this.#random, draft.sender.devices);
    const drawn = this.#random();
    const other = oneOf(this.#random, draft.sender.devices.filter((one) => one !== device).concat(device));
    if (drawn < this.#options.duplicateShare) void this.deliver(draft, other);
    const outcome = await this.deliver(draft, device);
    if (outcome.kind === 'acked') this.#acked.push(draft);
    if (outcome.kind !== 'acked' || drawn < 1 - this.#options.resendShare) return;
    await delay(between(this.#random, 100, 2_000));
    if (this.#stopped) return;
    await this.deliver(draft, other);
  }

  async #readRandom(): Promise<void> {
    const user = oneOf(this.#random, this.#population.users);
    const device = oneOf(this.#random, user.devices);
    const own = user.conversations.filter(({ users }) => users.includes(user));
    if (own.length === 0) return;
    const { id: conversationId } = oneOf(this.#random, own);
    const everything = this.#random() < 0.5;
    const upToSeq = Math.floor(device.receivedUpTo(conversationId) * this.#random());
    const key = `read ${user.id} ${this.#now()}`;
    this.#pending.set(key, 1);
    await device.read({ conversationId, ...(everything ? {} : { upToSeq }) });
    this.#pending.delete(key);
  }
}
