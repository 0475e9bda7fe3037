import type { ConversationId, Message, UserId } from '@chat-cluster/contracts';
import {
  type DirectConversation,
  type History,
  type NewestMessages,
  newConversationId,
  type Participants,
} from '@chat-cluster/domain';
import type { ConversationStore } from '@chat-cluster/postgres';
import { expect } from 'chai';
import { GatewayConversations } from '../src/conversations.ts';

const [alice, bob] = ['alice', 'bob'] as [UserId, UserId];
const noBlocks = { areBlocked: async (pairs: readonly unknown[]) => pairs.map(() => false) };

describe('the participants of conversations', () => {
  const of = (id: ConversationId, ...userIds: [UserId] | [UserId, UserId]): Participants => ({
    kind: 'direct',
    conversationId: id,
    userIds,
  });
  const unblocked = (id: ConversationId, ...userIds: [UserId, UserId]): DirectConversation => ({
    ...of(id, ...userIds),
    isBlocked: false,
  });
  const nothingRecent: NewestMessages = { newest: async () => undefined };

  /** A store with only the `stored` conversations, and the ids of its queries. */
  function storeOf(...stored: Participants[]) {
    const queried: ConversationId[] = [];
    const store: ConversationStore = {
      find: () => Promise.reject(new Error('unexpected call')),
      haveConversations: () => Promise.reject(new Error('unexpected call')),
      smallGroups: () => Promise.reject(new Error('unexpected call')),
      ownerOf: () => Promise.reject(new Error('unexpected call')),
      membershipsOf: async (requests) => requests.map(() => undefined),
      async participantsOf(ids) {
        queried.push(...ids);
        return ids.map((id) => stored.find(({ conversationId }) => conversationId === id));
      },
      open: async (_newId, a, b) => ({
        conversation: {
          id: stored[0]?.conversationId as ConversationId,
          kind: 'direct',
          participantIds: [a, b],
          createdAt: '',
        },
        created: true,
      }),
    };
    return { store, queried };
  }

  it('are read from the store once per conversation, and again for one that does not exist', async () => {
    const [id, none] = [newConversationId(), newConversationId()];
    const { store, queried } = storeOf(of(id, alice, bob));
    const conversations = new GatewayConversations(store, noBlocks, nothingRecent);
    const twice = [conversations.participantsOf(id, alice), conversations.participantsOf(id, alice)];
    expect(await Promise.all(twice)).to.deep.equal([unblocked(id, alice, bob), unblocked(id, alice, bob)]);
    expect(await conversations.participantsOf(id, alice)).to.deep.equal(unblocked(id, alice, bob));
    expect(await conversations.participantsOf(none, alice)).to.equal(undefined);
    expect(await conversations.participantsOf(none, alice)).to.equal(undefined);
    expect(queried).to.deep.equal([id, none, none]);
  });

  it('are returned in order of the calls, also when they become known during the query', async () => {
    const id = newConversationId();
    const answer = Promise.withResolvers<void>();
    const { store } = storeOf(of(id, alice, bob));
    const { participantsOf } = store;
    store.participantsOf = async (ids) => {
      await answer.promise;
      return participantsOf(ids);
    };
    const conversations = new GatewayConversations(store, noBlocks, nothingRecent);
    const order: number[] = [];
    const first = conversations.participantsOf(id, alice).then(() => order.push(1));
    await conversations.open(id, alice, bob);
    expect(await conversations.known(id, alice)).to.deep.equal([alice, bob]);
    const second = conversations.participantsOf(id, alice).then(() => order.push(2));
    answer.resolve();
    await Promise.all([first, second]);
    expect(order).to.deep.equal([1, 2]);
  });

  it('of others are read from the store every time, without waiting for the query of a participant', async () => {
    const id = newConversationId();
    const eve = 'eve' as UserId;
    const { store, queried } = storeOf(of(id, alice, bob));
    const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const { participantsOf } = store;
    store.participantsOf = async (ids) => {
      const result = participantsOf(ids);
      await answers[queried.length - 1]?.promise;
      return result;
    };
    const conversations = new GatewayConversations(store, noBlocks, nothingRecent);
    const ofEve = conversations.participantsOf(id, eve);
    const ofAlice = conversations.participantsOf(id, alice);
    answers[1].resolve();
    expect(await ofAlice).to.deep.equal(unblocked(id, alice, bob));
    answers[0].resolve();
    expect(await ofEve).to.equal(undefined);
    expect(await conversations.participantsOf(id, eve)).to.equal(undefined);
    expect(await conversations.participantsOf(id, alice)).to.deep.equal(unblocked(id, alice, bob));
    expect(queried).to.deep.equal([id, id, id]);
  });

  it('are known from earlier answers, without a query', async () => {
    const ids = Array.from({ length: 6 }, newConversationId);
    const [opened, direct, head, listed, notes, fed] = ids as [ConversationId, ...ConversationId[]] & {
      1: ConversationId;
      2: ConversationId;
      3: ConversationId;
      4: ConversationId;
      5: ConversationId;
    };
    const { store, queried } = storeOf(of(opened, alice, bob));
    const conversations = new GatewayConversations(store, noBlocks, nothingRecent);
    const mark = { upToSeq: 0, readAt: null };
    const history = conversations.learnFrom({
      directConversation: async () => ({ id: direct, lastSeq: 0, readUpTo: new Map() }),
      head: async (_, id) => ({
        id,
        lastSeq: 0,
        lastRev: 0,
        readMarks: [
          { userId: alice, ...mark },
          { userId: bob, ...mark },
        ],
      }),
      range: async () => [],
      sent: async () => undefined,
      conversations: async () => ({
        conversations: [
          { id: listed, otherUserId: bob, lastMessage: null, unreadCount: 0, lastSeq: 0, updatedAt: '' },
          { id: notes, otherUserId: alice, lastMessage: null, unreadCount: 0, lastSeq: 0, updatedAt: '' },
        ],
        nextCursor: null,
      }),
      feed: async () => ({
        readAt: 0,
        entries: [
          {
            activityAt: 0,
            conversation: {
              id: fed,
              otherUserId: bob,
              lastMessage: null,
              unreadCount: 0,
              lastSeq: 0,
              updatedAt: '',
              readMarks: [],
            },
          },
        ],
      }),
    } satisfies History);
    for (const id of ids) expect(await conversations.known(id, alice)).to.equal(undefined);
    await conversations.open(newConversationId(), alice, bob);
    await history.directConversation(alice, bob);
    await history.head(alice, head);
    await history.conversations(alice, 50, undefined);
    await history.feed(alice, undefined, 100);
    for (const id of [opened, direct, head, listed, fed]) {
      expect(await conversations.known(id, alice)).to.deep.equal([alice, bob]);
    }
    expect(await conversations.known(notes, alice)).to.deep.equal([alice]);
    expect(await conversations.participantsOf(listed, alice)).to.deep.equal(unblocked(listed, alice, bob));
    expect(queried).to.deep.equal([]);
  });

  it('are known from the newest message in the cache, unless the cache is down', async () => {
    const id = newConversationId();
    const { store, queried } = storeOf();
    const newest = async () => ({ senderId: bob, receiverId: alice }) as Message;
    expect(await new GatewayConversations(store, noBlocks, { newest }).known(id, alice)).to.deep.equal([bob, alice]);
    const down = { newest: () => Promise.reject(new Error('down')) };
    expect(await new GatewayConversations(store, noBlocks, down).known(id, alice)).to.equal(undefined);
    expect(queried).to.deep.equal([]);
  });
});

describe('the contacts of users', () => {
  it('are looked up for all concurrent calls with one query, each call with its own result', async () => {
    const carol = 'carol' as UserId;
    const queries: number[] = [];
    const store = {
      async haveConversations(pairs: readonly (readonly [UserId, UserId])[]) {
        queries.push(pairs.length);
        return pairs.map((pair) => pair.includes(alice) && pair.includes(bob));
      },
    } as Partial<ConversationStore> as ConversationStore;
    const conversations = new GatewayConversations(store, noBlocks, { newest: async () => undefined });
    const calls = [
      conversations.contactsAmong(alice, [carol, bob]),
      conversations.contactsAmong(carol, [alice]),
      conversations.contactsAmong(bob, [carol, alice, carol]),
    ];
    const [ofAlice, ofCarol, ofBob] = await Promise.all(calls);
    expect([ofAlice, ofCarol, ofBob]).to.deep.equal([new Set([bob]), new Set(), new Set([alice])]);
    expect(queries).to.deep.equal([6]);
  });
});
