import {
  type ClientEvent,
  type ClientMessageId,
  type ConversationId,
  type Message,
  Rejection,
  type StoreEpoch,
  type UserId,
} from '@chat-cluster/contracts';
import { type Inbox, newConversationId, newMessageId, QuoteOrder } from '@chat-cluster/domain';
import {
  createConversationStore,
  createConversationWrites,
  createGroupReads,
  createHistory,
  createSettings,
  createUnreadCounts,
  type Database,
} from '@chat-cluster/postgres';
import { connectRedis, createRecentMessages, disconnectRedis, type RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { eventually, freshDatabase, GROUP_RULES, newUser, privateServers } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { GatewayConversations } from '../src/conversations.ts';
import { createReads } from '../src/reads.ts';
import type { ChatSocket } from '../src/socket/chat-socket.ts';
import type { Handlers } from '../src/socket/events/dispatch.ts';
import { createHandlers } from '../src/socket/events/handlers.ts';
import { UserGroups } from '../src/user-groups.ts';
import { UserSettings } from '../src/user-settings.ts';

/** The events that have the id of a conversation, and their payloads. */
const EVENTS: Partial<Record<ClientEvent, (conversationId: ConversationId) => object>> = {
  send_message: (conversationId) => ({ conversationId, content: 'hi' }),
  read_messages: (conversationId) => ({ conversationId, upToSeq: 1 }),
  typing: (conversationId) => ({ conversationId, typing: true }),
  sync: (id) => ({ conversations: [{ id, afterSeq: 0, afterRev: 0 }], limit: 10 }),
  edit_message: (conversationId) => ({ conversationId, seq: 1, content: 'hi' }),
  delete_message: (conversationId) => ({ conversationId, seq: 1 }),
  set_reaction: (conversationId) => ({ conversationId, seq: 1, emoji: '👍', on: true }),
  mark_delivered: (id) => ({ conversations: [{ id, upToSeq: 1 }] }),
  change_group: (conversationId) => ({ conversationId, change: { type: 'leave' } }),
  set_conversation: (conversationId) => ({ conversationId, settings: { muted: true } }),
};

describe('a conversation of others costs the requests of one that does not exist', () => {
  const [alice, bob, eve] = ['alice', 'bob', 'eve'].map(newUser) as [UserId, UserId, UserId];
  const logger = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} } as unknown as Logger;
  const nothing = {} as never;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let cache: RedisClient;
  let monitor: Awaited<ReturnType<RedisClient['duplicate']>>;
  const requests = { statements: 0, commands: [] as string[] };

  before(async () => {
    database = await freshDatabase();
    const { redis } = await privateServers();
    cache = await connectRedis(redis.url, 'cache', logger);
    monitor = cache.duplicate();
    await monitor.connect();
    await monitor.monitor((line) => requests.commands.push(String(line)));
  });
  after(async () => {
    monitor.destroy();
    await disconnectRedis(cache);
    await database.drop();
  });

  /** The handlers of a gateway that has just started, on the real stores. `requests` counts their statements. */
  function startHandlers(): { handlers: Handlers; conversations: GatewayConversations } {
    const db: Database = database.db.withPlugin({
      transformQuery({ node }) {
        requests.statements++;
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    const recent = createRecentMessages(cache);
    const conversations = new GatewayConversations(createConversationStore(db), createSettings(db), recent);
    const { history, unreadOf } = createReads(createHistory(db), createUnreadCounts(db));
    const inbox: Inbox = { submit: () => Promise.reject(new Error('a stranger submits nothing')) };
    const handlers = createHandlers({
      conversations,
      history: conversations.learnFrom(history),
      unreadOf,
      recent,
      inbox,
      epoch: () => '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c11' as StoreEpoch,
      subscribed: async () => {},
      groupReads: createGroupReads(db),
      groups: new UserGroups({
        conversations,
        inbox,
        newGroups: nothing,
        announce() {},
        announceLeft() {},
        config: { OPEN_CONVERSATIONS: 'anyone' },
      }),
      settings: new UserSettings({
        settings: createSettings(db),
        unreadOf,
        fanout: nothing,
        ephemeral: nothing,
        deliveredMarks: nothing,
        logger,
      }),
      blocks: nothing,
      quotes: new QuoteOrder(),
      ephemeral: nothing,
      presence: nothing,
      sessions: nothing,
      logger,
    });
    return { handlers, conversations };
  }

  async function openConversation(): Promise<ConversationId> {
    const [a, b] = [newUser('a'), newUser('b')] as [UserId, UserId];
    return (await createConversationStore(database.db).open(newConversationId(), a, b)).conversation.id;
  }

  async function createGroup(): Promise<ConversationId> {
    const id = newConversationId();
    const entry = { kind: 'group_change', id: newMessageId(), conversationId: id, by: alice, changeId: id } as const;
    const writes = createConversationWrites(database.db, GROUP_RULES);
    await writes.apply([{ ...entry, change: { type: 'create', title: 'Team', userIds: [bob] } }]);
    return id;
  }

  /** The answer to eve, and what it cost. Ids are replaced, so that two costs can be compared. */
  async function askAsEve(handlers: Handlers, event: ClientEvent, id: ConversationId) {
    const socket = { onAnyOutgoing() {}, offAnyOutgoing() {}, listenersAnyOutgoing: () => [] } as unknown as ChatSocket;
    await monitored();
    Object.assign(requests, { statements: 0, commands: [] });
    const handle = handlers[event] as (userId: UserId, payload: object, socket: ChatSocket) => Promise<object>;
    const answer = await handle(eve, EVENTS[event]?.(id) ?? {}, socket).catch((error) => {
      if (error instanceof Rejection) return error.payload;
      throw error;
    });
    await monitored();
    const commands = requests.commands.filter((line) => line.includes(id)).map((line) => line.replace(/.*\] /, ''));
    return JSON.parse(
      JSON.stringify({ answer, statements: requests.statements, commands }).replaceAll(id, '<id>'),
    ) as object;
  }

  /** Resolves when every command that was sent before is in `requests`. */
  async function monitored(): Promise<void> {
    const last = crypto.randomUUID();
    await cache.get(last);
    await eventually(() => expect(requests.commands.some((line) => line.includes(last))).to.equal(true));
  }

  for (const event of Object.keys(EVENTS) as ClientEvent[]) {
    it(`in ${event}, whether or not the gateway knows it`, async () => {
      const { handlers, conversations } = startHandlers();
      const missing = await askAsEve(handlers, event, newConversationId());
      const foreign = await openConversation();
      expect(await askAsEve(handlers, event, foreign), 'unknown to the gateway').to.deep.equal(missing);
      expect(await askAsEve(handlers, event, foreign), 'asked for before').to.deep.equal(missing);
      const group = await createGroup();
      expect(await askAsEve(handlers, event, group), 'a group').to.deep.equal(missing);
      expect(await askAsEve(handlers, event, group), 'a group, asked for before').to.deep.equal(missing);
      expect(await conversations.participantsOf(group, alice)).to.include({ kind: 'group' });
      expect(await askAsEve(handlers, event, group), 'a group that is known to the gateway').to.deep.equal(missing);

      const known = (await conversations.open(newConversationId(), alice, bob)).conversation.id;
      expect(await conversations.known(known, alice)).to.deep.equal([alice, bob]);
      expect(await askAsEve(handlers, event, known), 'known to the gateway').to.deep.equal(missing);
      await createRecentMessages(cache).append([messageIn(known)]);
      expect(await askAsEve(handlers, event, known), 'in the cache').to.deep.equal(missing);
    });
  }

  function messageIn(conversationId: ConversationId): Message {
    const id = newMessageId();
    return {
      id,
      conversationId,
      seq: 1,
      senderId: alice,
      receiverId: bob,
      clientMessageId: id as string as ClientMessageId,
      content: 'only for alice and bob',
      attachments: [],
      isRead: false,
      createdAt: new Date().toISOString(),
    };
  }
});
