import { type Random, seededRandom } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type FullConversation, type GroupChatClient, groups } from '../../src/groups/index.ts';
import { createChatClient, type Message } from '../../src/index.ts';
import { createFakeCluster, type FakeCluster, type FakeDelivery } from '../../src/testing/index.ts';

const RUNS = 25;
const STEPS = 120;
const USERS = ['alice', 'bob', 'carol', 'dave'];
const DELIVERIES: FakeDelivery[] = [
  'new_message',
  'unread_count',
  'message_changed',
  'conversation_changed',
  'block_changed',
  'messages_delivered',
  'messages_read',
  'ack:send_message',
  'request:send_message',
  'ack:edit_message',
  'request:edit_message',
  'ack:set_reaction',
  'ack:delete_message',
  'ack:change_group',
  'ack:sync',
  'request:sync',
];

describe('clients with groups and changes under random faults', () => {
  it('converge to what the server shows their user', async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const story = new GroupStory(seed);
      try {
        await story.play();
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}\n${story.log.slice(-STEPS).join('\n')}`, {
          cause: error,
        });
      } finally {
        await story.end();
      }
    }
  });
});

interface Device {
  name: string;
  userId: string;
  chat: GroupChatClient;
  open: Map<string, FullConversation>;
  /** Numbers of the messages that were emitted, by conversation. */
  emitted: Map<string, number[]>;
}

/** Devices of four users in two groups and two direct conversations, while random faults happen. */
class GroupStory {
  readonly log: string[] = [];
  readonly #cluster: FakeCluster = createFakeCluster({ tokenLifetimeMs: 300_000, editWindowMs: 20_000 });
  readonly #ids: string[] = [];
  readonly #groups: string[] = [];
  readonly #devices: Device[] = [];
  readonly #releases: (() => void)[] = [];
  readonly #random: Random;
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(`groups ${seed}`);
  }

  async play(): Promise<void> {
    const cluster = this.#cluster;
    this.#groups.push(cluster.createGroup({ ownerId: 'alice', title: 'A', userIds: ['bob', 'carol'] }).id);
    this.#groups.push(cluster.createGroup({ ownerId: 'bob', title: 'B', userIds: ['alice', 'carol', 'dave'] }).id);
    this.#ids.push(...this.#groups, cluster.open('alice', 'bob').id, cluster.open('carol', 'dave').id);
    for (const userId of [...USERS, 'alice']) this.#devices.push(this.#device(userId));
    await cluster.advance(5_000);
    for (let step = 0; step < STEPS; step++) {
      const action = this.#pick(this.#actions());
      this.log.push(`${step}: ${action()}`);
      if (this.#random() < 0.7) await cluster.advance(Math.floor(this.#random() * 400));
    }
    cluster.heal();
    await cluster.advance(60_000);
    for (const { chat } of this.#devices) if (chat.status.state === 'unauthorized') chat.connect();
    cluster.requireSync();
    await cluster.advance(60_000);
    for (const device of this.#devices) await this.#fillHoles(device);
    for (const device of this.#devices) this.#check(device);
  }

  async end(): Promise<void> {
    await Promise.all(this.#devices.map(({ chat }) => chat.close()));
    this.#cluster.close();
  }

  #device(userId: string): Device {
    const chat = createChatClient({ ...this.#cluster.optionsOf(userId), extension: groups });
    const device: Device = {
      ...{ name: `${userId}-${this.#devices.length}`, userId, chat },
      ...{ open: new Map(), emitted: new Map() },
    };
    chat.on('message', ({ conversationId, seq }) => {
      const seqs = device.emitted.get(conversationId) ?? [];
      device.emitted.set(conversationId, [...seqs, seq]);
    });
    chat.connect();
    return device;
  }

  #actions(): (() => string)[] {
    const cluster = this.#cluster;
    const user = () => this.#pick(USERS);
    const run = (name: string, act: (user: string, delivery: FakeDelivery) => unknown) => () => {
      const [who, what] = [user(), this.#pick(DELIVERIES)];
      const result = act(who, what);
      return `${name} ${who} ${what} ${typeof result === 'string' ? result : ''}`;
    };
    const byDevice =
      (name: string, act: (conversation: FullConversation, seq: number, device: Device) => unknown) => () => {
        const device = this.#pick(this.#devices);
        const id = this.#pick(this.#ids);
        const isKnown = device.chat.conversations.get().some((one) => one.id === id);
        if (!isKnown) return `${name}: ${device.name} does not know ${this.#ids.indexOf(id)}`;
        const conversation = device.open.get(id) ?? device.chat.conversation(id);
        device.open.set(id, conversation);
        const seq = 1 + Math.floor(this.#random() * Math.max(1, cluster.messages(id).length));
        const result = act(conversation, seq, device);
        // A refusal of the server, or a lost connection: what it leaves behind is checked at the end.
        if (result instanceof Promise) result.catch(() => {});
        return `${name}: ${device.name} in ${this.#ids.indexOf(id)}, ${seq}`;
      };
    const send = byDevice('send', (conversation, seq, { name }) => {
      const extras = this.#random() < 0.3 ? { replyToSeq: seq, mentions: [user()] } : {};
      return conversation.send({ content: `${name} ${this.#count++}`, ...extras }).stored;
    });
    const react = byDevice('react', (conversation, seq) =>
      conversation.react(seq, this.#pick(['👍', '🎉']), this.#random() < 0.7),
    );
    const edit = byDevice('edit', (conversation, seq) => conversation.edit(seq, `edited ${this.#count++}`));
    const change = run('group', () => this.#changeGroup());
    return [
      ...[send, send, send, send, send, react, react, react, edit, edit, edit, change, change],
      byDevice('delete', (conversation, seq) => conversation.delete(seq)),
      byDevice('rename', (conversation) => conversation.rename(`Title ${this.#count++}`)),
      byDevice('settings', (conversation) => conversation.set({ muted: this.#random() < 0.5 })),
      byDevice('read', (conversation) => conversation.read()),
      byDevice('older', (conversation) => conversation.loadOlder(3)),
      byDevice('release', (conversation, _, device) => {
        conversation.release();
        device.open.delete(conversation.id);
      }),
      run('drop', (who, what) => cluster.drop(what, { user: who })),
      run('drop', (who, what) => cluster.drop(what, { user: who })),
      run('duplicate', (who, what) => cluster.duplicate(what, { user: who })),
      run('hold', (who, what) => this.#releases.push(cluster.hold(what, { user: who }))),
      run('release', () => this.#releases.splice(Math.floor(this.#random() * this.#releases.length), 1)[0]?.()),
      run('disconnect', (who) => cluster.disconnect(who)),
      run('offline', () => cluster.offline()),
      run('online', () => cluster.online()),
      run('refuse sync', (who) => cluster.refuse('sync', 'OVERLOADED', { user: who, retryAfterMs: 100 })),
      run('sync required', () => cluster.requireSync()),
    ];
  }

  /** A change of a group by another device; it may be one that is not allowed. */
  #changeGroup(): string {
    const id = this.#pick(this.#groups);
    const [by, userId] = [this.#pick(USERS), this.#pick(USERS)];
    const change = this.#pick([
      { type: 'add', userIds: [userId], history: this.#pick(['all', 'none', { since: this.#recently() }] as const) },
      { type: 'add', userIds: [userId], history: 'none' },
      { type: 'remove', userId },
      { type: 'leave' },
      { type: 'role', userId, role: this.#pick(['owner', 'admin', 'member'] as const) },
    ] as const);
    try {
      this.#cluster.changeGroup(by, id, change as never);
    } catch (error) {
      return `${by} ${JSON.stringify(change)}: ${(error as Error).message}`;
    }
    return `${by} ${JSON.stringify(change)} in ${this.#ids.indexOf(id)}`;
  }

  #recently(): string {
    return new Date(this.#cluster.now() - 3_000).toISOString();
  }

  /** Loads what members see who were added again with earlier entries. There are no other holes. */
  async #fillHoles({ name, userId, open }: Device): Promise<void> {
    for (const [id, conversation] of open) {
      for (const hole of conversation.messages.get().holes) {
        const seqs = Array.from({ length: hole.toSeq - hole.fromSeq + 1 }, (_, i) => hole.fromSeq + i);
        const wasThere = seqs.filter((seq) => this.#wasMember(userId, id, seq));
        expect(wasThere, `${name} in ${this.#ids.indexOf(id)}: lost`).to.deep.equal([]);
        const loaded = conversation.loadHole(hole);
        await this.#cluster.idle();
        await loaded;
      }
    }
  }

  /** The user was a member when the entry was written. */
  #wasMember(userId: string, id: string, at: number): boolean {
    const last = this.#cluster.messages(id).findLast(({ seq, senderId, system }) => {
      if (seq >= at || !system) return false;
      return system.type === 'left'
        ? senderId === userId
        : 'userIds' in system && system.userIds.some((one) => one === userId);
    })?.system?.type;
    return last !== 'removed' && last !== 'left';
  }

  #check({ name, userId, chat, open, emitted }: Device): void {
    const cluster = this.#cluster;
    expect(chat.status.state, `${name}: state`).to.equal('live');
    const waiting = chat.outbox.get().filter(({ status }) => status !== 'failed');
    expect(waiting, `${name}: outbox`).to.deep.equal([]);
    const { count, mutedCount, mentionCount } = cluster.counts(userId);
    expect([chat.badge, chat.counts], `${name}: counts`).to.deep.equal([count, { mutedCount, mentionCount }]);
    for (const listed of chat.conversations.get()) {
      const where = `${name} in ${this.#ids.indexOf(listed.id)}`;
      const stored = cluster.messages(listed.id, userId);
      expect(essence(listed.lastMessage), `${where}: last message`).to.deep.equal(essence(stored.at(-1)));
      if (listed.group) {
        const { title, role, memberCount, windows } = cluster.group(userId, listed.id);
        expect(listed.group, `${where}: group`).to.deep.equal({ title, role, memberCount, windows });
      }
      const seqs = emitted.get(listed.id) ?? [];
      expect(seqs, `${where}: emitted in order, once`).to.deep.equal([...new Set(seqs)].sort((a, b) => a - b));
      const shown = open.get(listed.id)?.messages.get();
      if (!shown) continue;
      const messages = shown.messages.filter((one): one is Extract<typeof one, Message> => one.seq !== undefined);
      expect(messages.map(essence), `${where}: messages`).to.deep.equal(
        stored.slice(-messages.length || stored.length).map(essence),
      );
      expect([shown.isLoading, shown.holes, shown.hasOlder], where).to.deep.equal([
        false,
        [],
        messages.length < stored.length,
      ]);
      expect(
        messages.some(({ isChanging }) => isChanging),
        `${where}: changes under way`,
      ).to.equal(false);
    }
    const ids = this.#ids.filter((id) => this.#isIn(userId, id));
    expect(
      chat.conversations.get().map(({ id }) => id),
      `${name}: list`,
    ).to.have.members(ids);
  }

  #isIn(userId: string, id: string): boolean {
    try {
      this.#cluster.messages(id, userId);
      return true;
    } catch {
      return false;
    }
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}

/** What a message shows, without its read mark. */
function essence(message: Message | null | undefined): object | undefined {
  if (!message) return undefined;
  const { seq, content, rev, reactions, deletedAt, mentions, editedAt, system, replyTo } = message;
  return { seq, content, rev, reactions, deletedAt, mentions, editedAt, system, replyTo };
}
