import { randomBytes } from 'node:crypto';
import type { Message } from '@chat-cluster/contracts';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type FullConversation, type GroupChatClient, groups } from '../../src/groups/index.ts';
import {
  type ChatClient,
  type ChatClientOptions,
  type ChatError,
  type ChatEvents,
  type Conversation,
  createChatClient,
  type OpenSocket,
} from '../../src/index.ts';
import type { Stage } from './stage.ts';
import { createTap, type Tap } from './tap.ts';

/** A client of a user, with what it has emitted. */
export interface Device {
  userId: string;
  chat: ChatClient;
  tap: Tap;
  /** Messages in the order in which the client has emitted them. */
  received: Message[];
  discontinuities: ChatEvents['discontinuity'][];
  errors: ChatError[];
  /** Reasons for which the client has requested tokens. */
  tokens: string[];
}

export interface DeviceOptions extends Partial<ChatClientOptions> {
  /** Lifetime of each token in turn; the last one repeats. Default: an hour. */
  tokenLifetimesMs?: number[];
}

/** What scenarios use: devices of a stage, which are closed after each test. */
export class World {
  readonly #devices: Device[] = [];
  readonly #openSocket: OpenSocket;
  readonly #stage: () => Stage;

  /** `openSocket`: for stages whose clients open sockets of their own. */
  constructor(stage: () => Stage, openSocket: OpenSocket) {
    this.#stage = stage;
    this.#openSocket = openSocket;
  }

  get stage(): Stage {
    return this.#stage();
  }

  /** A user id that no other test uses. */
  user(name: string): string {
    return `${name}-${randomBytes(4).toString('hex')}`;
  }

  /** A device that is not connected. */
  device(userId: string, { tokenLifetimesMs = [], ...options }: DeviceOptions = {}): Device {
    const { access, tokenFor } = this.stage;
    const tap = createTap(access.socket ?? this.#openSocket);
    const tokens: string[] = [];
    const getToken: ChatClientOptions['getToken'] = ({ reason }) => {
      const lifetime = tokenLifetimesMs[Math.min(tokens.length, tokenLifetimesMs.length - 1)];
      tokens.push(reason);
      return tokenFor(userId, lifetime);
    };
    const chat = createChatClient({ ...access, getToken, ...options, socket: tap.open });
    const device: Device = { userId, chat, tap, tokens, received: [], discontinuities: [], errors: [] };
    chat.on('message', (message) => device.received.push(message));
    chat.on('discontinuity', (discontinuity) => device.discontinuities.push(discontinuity));
    chat.on('error', (error) => device.errors.push(error));
    this.#devices.push(device);
    return device;
  }

  /** A device that is live. */
  async live(userId: string, options: DeviceOptions = {}): Promise<Device> {
    const device = this.device(userId, options);
    device.chat.connect();
    await isLive(device);
    return device;
  }

  /** A live device with the extension for groups. */
  member(name: string, options: DeviceOptions = {}): Promise<Device & { chat: GroupChatClient }> {
    return this.memberAgain({ userId: this.user(name) }, options);
  }

  /** Another device of the same user. */
  async memberAgain({ userId }: { userId: string }, options: DeviceOptions = {}) {
    const device = this.device(userId, { extension: groups, ...options });
    device.chat.connect();
    await isLive(device);
    return device as Device & { chat: GroupChatClient };
  }

  /** A group of three users who are live, in the order of their roles when it is new: owner, member, member. */
  async group(options: DeviceOptions = {}) {
    const alice = await this.member('alice', options);
    const bob = await this.member('bob', options);
    const carol = await this.member('carol', options);
    const { id } = await alice.chat.groups.create({ title: 'Lunch', userIds: [bob.userId, carol.userId] });
    const devices = [alice, bob, carol];
    const [ofAlice, ofBob, ofCarol] = await Promise.all(devices.map((device) => opened(device, id)));
    type Three = { ofAlice: FullConversation; ofBob: FullConversation; ofCarol: FullConversation };
    return { id, alice, bob, carol, devices, ...({ ofAlice, ofBob, ofCarol } as Three) };
  }

  /** Two users on two gateways, live, with the conversation that both have opened. */
  async pair(options: DeviceOptions = {}) {
    const alice = await this.live(this.user('alice'), options);
    const bob = await this.liveElsewhere(this.user('bob'), alice);
    const toBob = await alice.chat.direct(bob.userId);
    const toAlice = await bob.chat.direct(alice.userId);
    expect(toAlice.id).to.equal(toBob.id);
    // Messages that are stored before the first sync of a conversation are history, and no `message` event.
    await isLoaded(toBob);
    await isLoaded(toAlice);
    return { alice, bob, toBob, toAlice };
  }

  /** A live device on another gateway than `other`. */
  async liveElsewhere(userId: string, other: Device): Promise<Device> {
    return eventually(async () => {
      const device = await this.live(userId);
      if (device.chat.status.gatewayId !== other.chat.status.gatewayId) return device;
      await device.chat.close();
      throw new Error(`connected to ${device.chat.status.gatewayId} each time`);
    });
  }

  /** Closes all devices. */
  async end(): Promise<void> {
    await Promise.all(this.#devices.splice(0).map(({ chat }) => chat.close()));
  }
}

/** The conversation of a device, when it is known and loaded. */
export async function opened(device: { chat: GroupChatClient }, id: string): Promise<FullConversation> {
  const conversation = device.chat.conversation(id);
  await eventually(() => expect(conversation.kind).to.be.oneOf(['direct', 'group']));
  await isLoaded(conversation);
  return conversation;
}

/** Waits until the device is live. */
export async function isLive({ chat }: Device): Promise<void> {
  await eventually(() => expect(chat.status.state, JSON.stringify(chat.status)).to.equal('live'));
}

/** Waits until the newest messages of an open conversation are loaded. */
export async function isLoaded({ messages }: Conversation): Promise<void> {
  await eventually(() => expect(messages.get().isLoading).to.equal(false));
}

/** Sends texts one after another and waits until all are stored. */
export async function sendAll(conversation: Conversation, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map((text) => conversation.send(text).stored));
}

/** The texts of a conversation as its window shows them. */
export function shown(conversation: Conversation): (string | null)[] {
  return conversation.messages.get().messages.map(({ content }) => content);
}

/** The texts of the messages that a device has received, of one conversation. */
export function textsOf({ received }: Device, { id }: Conversation): (string | null)[] {
  return received.filter(({ conversationId }) => conversationId === id).map(({ content }) => content);
}

export function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
}

/** The code with which a promise rejects; undefined: it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: ChatError) => error.code,
  );
}
