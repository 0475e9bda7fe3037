import type { ClientMessageId, ConversationId, SendEntry, UserId } from '@chat-cluster/contracts';
import {
  findDrift,
  healDrift,
  type MessageStore,
  newConversationId,
  newMessageId,
  type UnreadAudit,
} from '@chat-cluster/domain';
import { createConversationStore, createMessageStore, createUnreadAudit } from '@chat-cluster/postgres';
import { freshDatabase, newUser } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

describe('the audit of unread counters', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let store: MessageStore;
  let audit: UnreadAudit;

  before(async () => {
    database = await freshDatabase();
    store = createMessageStore(database.db);
    audit = createUnreadAudit(database.db);
  });
  after(() => database.drop());

  async function pair() {
    const [a, b] = [newUser('a'), newUser('b')] as [UserId, UserId];
    const { conversation } = await createConversationStore(database.db).open(newConversationId(), a, b);
    const send = (): SendEntry => {
      const id = newMessageId();
      const clientMessageId = id as string as ClientMessageId;
      const to = { conversationId: conversation.id, senderId: a, receiverId: b };
      return { kind: 'send', id, ...to, clientMessageId, content: 'hi', attachments: [] };
    };
    return { a, b, id: conversation.id, send };
  }

  const corrupt = (id: ConversationId, user: UserId, by: number) =>
    sql`update participants set unread_count = greatest(0, unread_count + ${by}::integer)
      where conversation_id = ${id} and user_id = ${user}`.execute(database.db);

  async function all() {
    const counters = [];
    let page = await audit.after(undefined, 3);
    for (; page.length > 0; page = await audit.after(page.at(-1), 3)) counters.push(...page);
    return counters;
  }

  it('finds exactly the drifted counters, and counts a long conversation in pieces', async () => {
    const [short, long] = [await pair(), await pair()];
    await store.storeSends([short.send(), short.send(), { ...short.send(), senderId: short.b, receiverId: short.a }]);
    await store.markRead([{ conversationId: short.id, userId: short.b, upToSeq: 1 }]);
    await sql`insert into messages (conversation_id, seq, id, sender_id, client_message_id)
      select ${long.id}::uuid, n, gen_random_uuid(), case n % 3 when 0 then ${long.b}::text else ${long.a}::text end, n
      from generate_series(1, 45000) n`.execute(database.db);
    await sql`update conversations set last_seq = 45000 where id = ${long.id}`.execute(database.db);
    await corrupt(long.id, long.b, 30_000);
    await corrupt(long.id, long.a, 15_000);
    const counters = await all();
    expect(counters).to.have.length(4);
    expect(await findDrift(audit, counters)).to.deep.equal([]);

    await corrupt(short.id, short.b, 5);
    await corrupt(long.id, long.b, -1);
    const drifts = await findDrift(audit, await all());
    expect(drifts.map(({ userId, unreadCount, truth }) => [userId, unreadCount, truth])).to.have.deep.members([
      [short.b, 6, 1],
      [long.b, 29_999, 30_000],
    ]);
    expect(await healDrift(audit, drifts)).to.deep.equal({ healed: drifts, left: [] });
    expect(await findDrift(audit, await all())).to.deep.equal([]);
    expect((await audit.ofUser(short.b, undefined, 9)).map(({ unreadCount }) => unreadCount)).to.deep.equal([1]);
  });

  it('heals during sends and reads without losing their changes', async () => {
    const { id, a, b, send } = await pair();
    let running = true;
    let healed = 0;
    const lane = (async () => {
      for (let i = 0; i < 150; i++) {
        await store.storeSends([send(), send()]);
        if (i % 10 === 9) await store.markRead([{ conversationId: id, userId: b, upToSeq: i }]);
      }
      running = false;
    })();
    const corruption = (async () => {
      while (running) await corrupt(id, b, Math.random() < 0.5 ? 7 : -3);
    })();
    const healers = [1, 2].map(async () => {
      while (running) {
        const drifts = await findDrift(audit, await audit.of([{ conversationId: id, userId: b }]));
        healed += (await healDrift(audit, drifts)).healed.length;
      }
    });
    await Promise.all([lane, corruption, ...healers]);
    const healOnce = async () => {
      const keys = [a, b].map((userId) => ({ conversationId: id, userId }));
      const drifts = await findDrift(audit, await audit.of(keys));
      healed += (await healDrift(audit, drifts)).healed.length;
      return drifts.length;
    };
    // After the last corruption is healed, only the healer and the lane change the counter.
    await corrupt(id, b, 11);
    expect(await healOnce()).to.equal(1);
    running = true;
    const quiet = (async () => {
      for (let i = 0; i < 50; i++) await store.storeSends([send()]);
      running = false;
    })();
    while (running) await healOnce();
    await quiet;
    expect(await healOnce(), 'a drift that only a healer can have caused').to.equal(0);
    expect(healed).to.be.above(0);
  });
});
