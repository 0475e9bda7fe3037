import type { ClientMessageId, ConversationId, SendEntry, UserId } from '@chat-cluster/contracts';
import { findDrift, newConversationId, newMessageId } from '@chat-cluster/domain';
import {
  createConversationStore,
  createMemberAudit,
  createMessageStore,
  createUnreadAudit,
  createUnreadCounts,
} from '@chat-cluster/postgres';
import { eventually, freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { GroupWorld, newUser } from './group-world.ts';

type Work = () => Promise<unknown>;

/**
 * Two transactions write the row that holds the unread messages of a user. Both begin before either has the row, so
 * neither sees the other's messages and deletions. Lanes prevent this for entries, except after a pause of a worker; an
 * audit runs beside the lanes at any time.
 */
describe('concurrent changes of unread counts', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let world: GroupWorld;

  before(async () => {
    database = await freshDatabase();
    world = new GroupWorld(database.db);
  });
  after(() => database.drop());

  async function direct() {
    const [a, b] = [newUser('a'), newUser('b')];
    const { id } = (await createConversationStore(database.db).open(newConversationId(), a, b)).conversation;
    const store = createMessageStore(database.db);
    const send = () => store.storeSends([sendOf(id, a, b)]);
    for (let i = 0; i < 3; i++) await send();
    const read = (upToSeq: number | null) => store.markRead([{ conversationId: id, userId: b, upToSeq }]);
    return { id, a, b, send, read };
  }

  /** Three messages that mention `b`, with seq 2 to 4. */
  async function group() {
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await world.create(a, [b]);
    const send = () => world.send(id, a, 'hello', { mentions: [b] });
    for (let i = 0; i < 3; i++) await send();
    return { id, a, b, send };
  }

  async function waiting(): Promise<number> {
    const { rows } = await sql<{ n: number }>`
      select count(*)::integer as n from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(database.db);
    return rows[0]?.n ?? 0;
  }

  /** Starts the works while the row of the user is locked, one after the other, then lets them go on in this order. */
  async function inTurn(table: 'participants' | 'members', id: ConversationId, user: UserId, works: readonly Work[]) {
    const running: Promise<unknown>[] = [];
    await database.db.transaction().execute(async (tx) => {
      await sql`select from ${sql.table(table)} where conversation_id = ${id} and user_id = ${user} for update`.execute(
        tx,
      );
      for (const work of works) {
        running.push(work());
        running.at(-1)?.catch(() => {});
        await eventually(async () => expect(await waiting()).to.equal(running.length));
      }
    });
    await Promise.all(running);
  }

  async function driftOf(id: ConversationId, user: UserId): Promise<unknown[]> {
    const audit = createUnreadAudit(database.db);
    const members = await createMemberAudit(database.db).after({ conversationId: id, userId: '' as UserId }, 2);
    return [
      ...(await findDrift(audit, await audit.of([{ conversationId: id, userId: user }]))),
      ...members.filter((one) => one.conversationId === id).filter(({ stored, truth }) => !equal(stored, truth)),
    ];
  }

  async function countOf(user: UserId): Promise<[number | undefined, number | undefined]> {
    const [summary] = await createUnreadCounts(database.db).summaries([user]);
    return [summary?.count, summary?.mentionCount];
  }

  const order = (one: Work, other: Work, isReversed: boolean) => (isReversed ? [other, one] : [one, other]);

  for (const isReversed of [false, true]) {
    const title = (first: string, second: string) =>
      isReversed ? `${second}, then ${first}` : `${first}, then ${second}`;

    it(`of a direct conversation are right after ${title('a deletion', 'a read mark')}`, async () => {
      const { id, a, b, read } = await direct();
      const works = order(
        () => world.remove(id, a, 3),
        () => read(1),
        isReversed,
      );
      await inTurn('participants', id, b, works);
      expect([await countOf(b), await driftOf(id, b)]).to.deep.equal([[1, undefined], []]);
    });

    it(`of a direct conversation are right after ${title('a send', 'a read mark')}`, async () => {
      const { id, b, send, read } = await direct();
      await inTurn(
        'participants',
        id,
        b,
        order(send, () => read(1), isReversed),
      );
      expect([await countOf(b), await driftOf(id, b)]).to.deep.equal([[3, undefined], []]);
    });

    it(`of a direct conversation are right after ${title('a deletion', 'a correction')}`, async () => {
      const { id, a, b, read } = await direct();
      await read(2);
      // The deletion leaves the wrong counter at 0, so no value shows that the row was written.
      await sql`update participants set unread_count = 0 where conversation_id = ${id} and user_id = ${b}`.execute(
        database.db,
      );
      const audit = createUnreadAudit(database.db);
      const drifts = await findDrift(audit, await audit.of([{ conversationId: id, userId: b }]));
      expect(drifts).to.have.length(1);
      const works = order(
        () => world.remove(id, a, 3),
        () => audit.heal(drifts),
        isReversed,
      );
      await inTurn('participants', id, b, works);
      expect([await countOf(b), await driftOf(id, b)]).to.deep.equal([[0, undefined], []]);
    });

    it(`of a group are right after ${title('a deletion', 'a read mark')}`, async () => {
      const { id, a, b } = await group();
      const works = order(
        () => world.remove(id, a, 4),
        () => world.read(id, b, 2),
        isReversed,
      );
      await inTurn('members', id, b, works);
      expect([await countOf(b), await driftOf(id, b)]).to.deep.equal([[1, 1], []]);
    });

    it(`of a group are right after ${title('a send', 'a read mark')}`, async () => {
      const { id, b, send } = await group();
      await inTurn(
        'members',
        id,
        b,
        order(send, () => world.read(id, b, 2), isReversed),
      );
      expect([await countOf(b), await driftOf(id, b)]).to.deep.equal([[3, 3], []]);
    });

    it(`of a group are right after ${title('a deletion', 'a correction')}`, async () => {
      const { id, a, b } = await group();
      await world.read(id, b, 3);
      await sql`update members set mention_count = 0 where conversation_id = ${id} and user_id = ${b}`.execute(
        database.db,
      );
      const audit = createMemberAudit(database.db);
      const page = await audit.after({ conversationId: id, userId: '' as UserId }, 2);
      const drifts = page.filter(({ userId }) => userId === b);
      expect(drifts[0]).to.deep.include({ truth: { readCounted: 2, ownAfter: 0, mentions: 1 } });
      const works = order(
        () => world.remove(id, a, 4),
        () => audit.heal(drifts),
        isReversed,
      );
      await inTurn('members', id, b, works);
      expect([await countOf(b), await driftOf(id, b)]).to.deep.equal([[0, undefined], []]);
    });
  }

  it('count a message no more that is deleted while an audit counts', async () => {
    const { id, a, b } = await direct();
    const audit = createUnreadAudit(database.db);
    const counters = await audit.of([{ conversationId: id, userId: b }]);
    await world.remove(id, a, 2);
    expect(await findDrift(audit, counters)).to.deep.equal([]);
  });
});

function sendOf(conversationId: ConversationId, senderId: UserId, receiverId: UserId): SendEntry {
  const id = newMessageId();
  const clientMessageId = id as string as ClientMessageId;
  return { kind: 'send', id, conversationId, senderId, receiverId, clientMessageId, content: 'hi', attachments: [] };
}

function equal(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
