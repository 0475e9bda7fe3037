import { type Random, seededRandom } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type ChatClient, type Conversation, createChatClient } from '../../src/index.ts';
import { createFakeCluster, type FakeCluster, type FakeDelivery } from '../../src/testing/index.ts';

const RUNS = 25;
const STEPS = 120;
const USERS = ['alice', 'bob', 'carol'];
const DELIVERIES: FakeDelivery[] = [
  'session',
  'new_message',
  'unread_count',
  'messages_read',
  'ack:send_message',
  'request:send_message',
  'ack:read_messages',
  'request:read_messages',
  'ack:sync',
  'request:sync',
];

describe('clients under random faults', () => {
  for (const restores of [false, true]) {
    it(`converge to the state of the server${restores ? ', also when it is restored to an earlier one' : ''}`, async () => {
      for (let seed = 1; seed <= RUNS; seed++) {
        const story = new Story(seed);
        try {
          await story.play(restores);
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}\n${story.log.slice(-STEPS).join('\n')}`, {
            cause: error,
          });
        } finally {
          await story.end();
        }
      }
    });
  }
});

interface Device {
  name: string;
  userId: string;
  chat: ChatClient;
  conversations: Conversation[];
  /** Numbers of the messages that were emitted, by conversation, since the last discontinuity. */
  emitted: Map<string, number[]>;
  discontinuities: number;
}

/** Devices of three users, who write to each other while random faults happen. The time is that of the fake cluster. */
class Story {
  readonly log: string[] = [];
  readonly #cluster: FakeCluster = createFakeCluster({ tokenLifetimeMs: 300_000 });
  readonly #ids: string[] = [];
  readonly #devices: Device[] = [];
  readonly #releases: (() => void)[] = [];
  readonly #sent: { device: string; id: string; content: string }[] = [];
  #backup: ReturnType<FakeCluster['backup']> | undefined;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(String(seed));
  }

  async play(restores: boolean): Promise<void> {
    for (const [a, b] of [
      ['alice', 'bob'],
      ['alice', 'carol'],
      ['bob', 'carol'],
    ] as const) {
      this.#ids.push(this.#cluster.open(a, b).id);
    }
    for (const userId of ['alice', 'alice', 'bob', 'carol']) this.#devices.push(this.#device(userId));
    await this.#cluster.advance(5_000);
    for (let step = 0; step < STEPS; step++) {
      const action = this.#pick(this.#actions(restores));
      this.log.push(`${step}: ${action()}`);
      if (this.#random() < 0.7) await this.#cluster.advance(Math.floor(this.#random() * 400));
    }
    this.#cluster.heal();
    await this.#cluster.advance(60_000);
    // A client whose tokens have expired three times before a connection waits for the application.
    for (const { chat } of this.#devices) if (chat.status.state === 'unauthorized') chat.connect();
    this.#cluster.requireSync();
    await this.#cluster.advance(60_000);
    this.#check(restores);
  }

  async end(): Promise<void> {
    await Promise.all(this.#devices.map(({ chat }) => chat.close()));
    this.#cluster.close();
  }

  #device(userId: string): Device {
    const chat = createChatClient(this.#cluster.optionsOf(userId));
    const mine = this.#ids.filter((id) => this.#cluster.messages(id) && this.#isIn(userId, id));
    const device: Device = {
      name: `${userId}-${this.#devices.length}`,
      userId,
      chat,
      conversations: mine.map((id) => chat.conversation(id)),
      emitted: new Map(mine.map((id) => [id, []])),
      discontinuities: 0,
    };
    chat.on('message', ({ conversationId, seq }) => device.emitted.get(conversationId)?.push(seq));
    chat.on('discontinuity', () => {
      device.discontinuities++;
      for (const seqs of device.emitted.values()) seqs.length = 0;
    });
    chat.connect();
    return device;
  }

  #isIn(userId: string, id: string): boolean {
    const pairs = [
      ['alice', 'bob'],
      ['alice', 'carol'],
      ['bob', 'carol'],
    ];
    return pairs[this.#ids.indexOf(id)]?.includes(userId) ?? false;
  }

  /** What may happen in a step; frequent actions appear several times. Each returns its line of the log. */
  #actions(restores: boolean): (() => string)[] {
    const cluster = this.#cluster;
    const user = () => this.#pick(USERS);
    const delivery = () => this.#pick(DELIVERIES);
    const send = () => {
      const device = this.#pick(this.#devices);
      const conversation = this.#pick(device.conversations);
      const content = `${device.name} ${this.#sent.length}`;
      this.#sent.push({ device: device.name, id: conversation.id, content });
      conversation.send(content);
      return `${device.name} sends ${content} to ${this.#ids.indexOf(conversation.id)}`;
    };
    const run = (name: string, act: (user: string, delivery: FakeDelivery) => void) => () => {
      const [who, what] = [user(), delivery()];
      act(who, what);
      return `${name} ${who} ${what}`;
    };
    return [
      ...[send, send, send, send, send, send],
      run('drop', (who, what) => cluster.drop(what, { user: who })),
      run('duplicate', (who, what) => cluster.duplicate(what, { user: who })),
      run('hold', (who, what) => this.#releases.push(cluster.hold(what, { user: who }))),
      run('release', () => this.#releases.splice(Math.floor(this.#random() * this.#releases.length), 1)[0]?.()),
      run('disconnect', (who) => cluster.disconnect(who)),
      run('offline', () => cluster.offline()),
      run('online', () => cluster.online()),
      run('refuse sends', (who) =>
        cluster.refuse('send_message', this.#pick(['RATE_LIMITED', 'UNAVAILABLE', 'TIMEOUT']), { user: who, times: 3 }),
      ),
      run('refuse sync', (who) => cluster.refuse('sync', 'OVERLOADED', { user: who, retryAfterMs: 100 })),
      run('refuse connect', (who) => cluster.refuse('connect', 'OVERLOADED', { user: who })),
      run('expire', (who) => cluster.expire(who)),
      run('drain', () => cluster.drain({ reconnectInMs: 200 })),
      run('sync required', () => cluster.requireSync()),
      run('read', (who) => {
        const device = this.#devices.find(({ userId }) => userId === who);
        if (device) this.#pick(device.conversations).read();
      }),
      ...(restores ? [run('backup', () => this.#keep()), run('restore', () => this.#restore())] : []),
    ];
  }

  #keep(): void {
    this.#backup = this.#cluster.backup();
  }

  /** What was stored before arrives before: a client cannot recognise a message of an earlier history. */
  #restore(): void {
    for (const release of this.#releases.splice(0)) release();
    if (this.#backup) this.#cluster.restore(this.#backup);
  }

  #check(restores: boolean): void {
    for (const id of this.#ids) {
      const stored = this.#cluster.messages(id).map(({ content }) => content);
      expect(new Set(stored).size, 'stored twice').to.equal(stored.length);
      if (restores) continue;
      for (const { name } of this.#devices) {
        const own = this.#sent.filter((one) => one.device === name && one.id === id).map(({ content }) => content);
        expect(
          stored.filter((content) => content?.startsWith(`${name} `)),
          `order of ${name}`,
        ).to.deep.equal(own);
      }
    }
    for (const device of this.#devices) this.#checkDevice(device, restores);
  }

  #checkDevice({ name, userId, chat, conversations, emitted, discontinuities }: Device, restores: boolean): void {
    expect([chat.status.state, chat.outbox.get().length], `${name}: state and outbox`).to.deep.equal(['live', 0]);
    expect(chat.badge, `${name}: badge`).to.equal(this.#cluster.unread(userId));
    if (!restores) expect(discontinuities, `${name}: discontinuities`).to.equal(0);
    for (const { id, messages } of conversations) {
      const where = `${name} in ${this.#ids.indexOf(id)}`;
      const stored = this.#cluster.messages(id);
      const snapshot = messages.get();
      expect(
        snapshot.messages.map(({ content }) => content),
        `${where}: messages`,
      ).to.deep.equal(stored.map(({ content }) => content));
      expect([snapshot.holes, snapshot.hasOlder, snapshot.isLoading], where).to.deep.equal([[], false, false]);
      const seqs = emitted.get(id) ?? [];
      const last = stored.length;
      const expected = Array.from({ length: seqs.length }, (_, i) => last - seqs.length + i + 1);
      expect(seqs, `${where}: emitted`).to.deep.equal(expected);
      if (discontinuities === 0) expect(seqs.length, `${where}: number emitted`).to.equal(last);
      const listed = chat.conversations.get().find((one) => one.id === id);
      expect(listed?.lastSeq ?? 0, `${where}: lastSeq`).to.equal(last);
      if (listed)
        expect(listed.readMarks[userId as never] ?? 0, `${where}: mark`).to.equal(this.#cluster.readMark(userId, id));
    }
    const unread = chat.conversations.get().reduce((sum, { unreadCount }) => sum + unreadCount, 0);
    expect(unread, `${name}: unread of conversations`).to.equal(this.#cluster.unread(userId));
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}
