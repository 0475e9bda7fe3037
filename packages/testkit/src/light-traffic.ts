import type { HistoryPage } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { io } from 'socket.io-client';
import { api, connect, newUser, openConversation, type Target, type TestClient, tokenFor } from './client.ts';
import { eventually } from './eventually.ts';
import type { ClientOptions } from './protocol-suite/stage.ts';

export interface Talker {
  client: TestClient;
  conversationId: string;
  /** Number of its connects; 1 unless something disturbs it. */
  connects: number;
  /** Gateway of its current connection. */
  gateway: string;
  /** Texts of its messages, in the order of their acks. */
  acknowledged: string[];
}

/** Wait for an ack, in ms, before the message is sent again with the same client message id. */
const ANSWER_MS = 3_000;

/**
 * Traffic of a few pairs of stock clients, two pairs of each kind. Each client sends one message after another and
 * resends a message without an ack. So every conversation must contain exactly the acknowledged messages, in the order
 * of the acks.
 */
export class LightTraffic implements AsyncDisposable {
  readonly talkers: Talker[] = [];
  #target: Target;
  #talking: Promise<void>[] = [];
  #stopped = false;

  private constructor(target: Target) {
    this.#target = target;
  }

  static async start(target: Target, kinds: readonly ClientOptions[]): Promise<LightTraffic> {
    const traffic = new LightTraffic(target);
    for (const kind of [...kinds, ...kinds]) await traffic.#addPair(kind);
    traffic.#talking = traffic.talkers.map((talker) => traffic.#talk(talker));
    return traffic;
  }

  /** The gateway of each talker. */
  gateways(): string[] {
    return this.talkers.map(({ gateway }) => gateway);
  }

  talkersOn(gateway: string): Talker[] {
    return this.talkers.filter((talker) => talker.gateway === gateway);
  }

  /** Resolves when each talker has received three more acks. */
  async settled(): Promise<void> {
    const before = this.talkers.map(({ acknowledged }) => acknowledged.length);
    await eventually(() => {
      this.talkers.forEach(({ acknowledged, client }, i) => {
        expect(acknowledged.length, client.userId).to.be.at.least((before[i] as number) + 3);
      });
    });
  }

  /** Connects `count` new stock clients, one after another. Resolves with the number of failed attempts of each. */
  async newcomers(count: number): Promise<number[]> {
    const refusals: number[] = [];
    for (let i = 0; i < count; i++) {
      const auth = { token: tokenFor(this.#target, newUser('new')) };
      const socket = io(this.#target.url, { forceNew: true, withCredentials: true, reconnectionDelay: 200, auth });
      let refused = 0;
      socket.on('connect_error', () => refused++);
      await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
      socket.disconnect();
      refusals.push(refused);
    }
    return refusals;
  }

  /** Stops after the messages in flight are acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#talking);
  }

  /** After `stop`: the acknowledged messages are stored, and undisturbed clients have received all of them. */
  async check(): Promise<void> {
    for (const { client, conversationId, acknowledged, connects } of this.talkers) {
      const other = this.talkers.find((one) => one.conversationId === conversationId && one.client !== client);
      const stored = await this.#stored(client.userId, other?.client.userId ?? '');
      expect(stored.filter(([sender]) => sender === client.userId).map(([, text]) => text)).to.deep.equal(acknowledged);
      if (connects > 1) continue;
      await eventually(() => expect(client.messages.map(({ content }) => content)).to.have.members(stored.map(textOf)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const { client } of this.talkers) client.close();
    await Promise.allSettled(this.#talking);
  }

  async #addPair(kind: ClientOptions): Promise<void> {
    const users = [newUser('left'), newUser('right')] as const;
    const conversationId = await openConversation(this.#target, ...users);
    for (const user of users) {
      const client = await connect(this.#target, user, kind);
      const talker = { client, conversationId, connects: 1, gateway: client.session.gatewayId, acknowledged: [] };
      client.socket.on('session', ({ gatewayId }) => {
        talker.connects++;
        talker.gateway = gatewayId;
      });
      this.talkers.push(talker);
    }
  }

  async #talk({ client, conversationId, acknowledged }: Talker): Promise<void> {
    for (let n = 1; !this.#stopped; n++) {
      const clientMessageId = `${client.userId} ${n}`;
      const draft = { conversationId, clientMessageId, content: clientMessageId };
      await eventually(async () => {
        if (this.#stopped && !client.socket.active) return;
        const ack = await client.socket.timeout(ANSWER_MS).emitWithAck('send_message', draft as never);
        if (!ack.ok) throw new Error(ack.error.message);
        acknowledged.push(clientMessageId);
      });
    }
  }

  async #stored(user: string, other: string): Promise<[sender: string, text: string | null][]> {
    const stored: [string, string | null][] = [];
    for (let after: number | null = 0; after !== null; ) {
      const path = `/api/messages/with/${other}?after=${after}&limit=100`;
      const page: HistoryPage = (await api<HistoryPage>(this.#target, user, 'GET', path)).body;
      stored.push(...page.messages.map(({ senderId, content }): [string, string | null] => [senderId, content]));
      after = page.nextCursor;
    }
    return stored;
  }
}

function textOf([, text]: [string, string | null]): string | null {
  return text;
}
