import type { Extras } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import { MemberLists } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { GroupWorld, newUser } from './group-world.ts';

const SIZES = [5, 50, 500, 1_000];
const MESSAGES = 30;

/** `CHAT_TEST_FIGURES=1` prints rows, WAL and time per message; the README of this package has them. */
describe('a message of a group', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  for (const size of SIZES) {
    it(`writes three rows in a group of ${size} members, and one for each mentioned member or for all`, async () => {
      const lists = new MemberLists();
      const owner = newUser('owner');
      const id = newConversationId();
      const world = new GroupWorld(database.db, {}, lists);
      const userIds = Array.from({ length: size - 1 }, (_, i) => newUser(`m${i}`));
      await world.change(id, owner, { type: 'create', title: 'Lunch', userIds });
      await world.send(id, owner);
      const rows = await database.db.transaction().execute(async (tx) => {
        const within = new GroupWorld(tx, {}, lists);
        const rowsOf = async (extras: Extras) => {
          const before = await writtenIn(tx);
          await within.send(id, owner, 'hello', extras);
          return (await writtenIn(tx)) - before;
        };
        const mentions = userIds.slice(0, 2);
        return [await rowsOf({}), await rowsOf({ mentions }), await rowsOf({ mentionsAll: true })];
      });
      expect(rows).to.deep.equal([3, 5, 4]);
      if (process.env.CHAT_TEST_FIGURES) await printFigures(world, id, owner, size);
    });
  }

  it('and a read mark reads the messages that it passes, or those after it, whichever are fewer', async () => {
    const [owner, member] = [newUser('owner'), newUser('member')];
    const world = new GroupWorld(database.db);
    const id = await world.create(owner, [member]);
    for (let n = 0; n < 5; n++)
      await world.send(id, n % 2 ? member : owner, 'first', n % 2 ? {} : { mentions: [member] });
    await sql`
      insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, counted_at)
      select ${id}::uuid, s, gen_random_uuid(), ${owner}, s::text, 'x', s - 1 from generate_series(7, 3000) s`.execute(
      database.db,
    );
    await sql`update conversations set last_seq = 3000, counted = 2999 where id = ${id}`.execute(database.db);
    for (let n = 0; n < 5; n++)
      await world.send(id, n % 2 ? member : owner, 'last', n % 2 ? {} : { mentions: [member] });
    const reads = await database.db.transaction().execute(async (tx) => {
      const within = new GroupWorld(tx);
      const found: object[] = [];
      for (const upToSeq of [2, 3, 4, 2_998, 3_002]) {
        const before = await messagesReadIn(tx);
        await within.read(id, member, upToSeq);
        const { rows } = await sql<{ own: number; mentions: number }>`
          select own_after as own, mention_count as mentions from members
          where conversation_id = ${id} and user_id = ${member}`.execute(tx);
        found.push({ ...rows[0], isShort: (await messagesReadIn(tx)) - before < 50 });
      }
      return found;
    });
    expect(reads).to.deep.equal([
      { own: 4, mentions: 5, isShort: true },
      { own: 3, mentions: 5, isShort: true },
      { own: 3, mentions: 4, isShort: true },
      { own: 2, mentions: 3, isShort: true },
      { own: 1, mentions: 2, isShort: true },
    ]);
  });

  async function messagesReadIn(tx: typeof database.db): Promise<number> {
    const { rows } = await sql<{ rows: number }>`
      select (seq_tup_read + idx_tup_fetch)::integer as rows from pg_stat_xact_user_tables where relname = 'messages'`.execute(
      tx,
    );
    return rows[0]?.rows ?? 0;
  }

  async function writtenIn(tx: typeof database.db): Promise<number> {
    const { rows } = await sql<{ rows: number }>`
      select sum(n_tup_ins + n_tup_upd + n_tup_del)::integer as rows from pg_stat_xact_user_tables`.execute(tx);
    return rows[0]?.rows ?? 0;
  }

  async function printFigures(
    world: GroupWorld,
    id: ReturnType<typeof newConversationId>,
    owner: ReturnType<typeof newUser>,
    size: number,
  ) {
    const start = await walPosition();
    const times: number[] = [];
    for (let i = 0; i < MESSAGES; i++) {
      const started = performance.now();
      await world.send(id, owner, 'hello');
      times.push(performance.now() - started);
    }
    const { rows } = await sql<{ bytes: number }>`
      select (pg_current_wal_insert_lsn() - ${start}::pg_lsn)::integer as bytes`.execute(database.db);
    const median = times.sort((a, b) => a - b)[MESSAGES >> 1] ?? 0;
    const wal = Math.round((rows[0]?.bytes ?? 0) / MESSAGES);
    console.log(`members ${size}: 3 rows, ${wal} bytes of WAL, ${median.toFixed(2)} ms (median of ${MESSAGES})`);
  }

  async function walPosition(): Promise<string> {
    const { rows } = await sql<{ at: string }>`select pg_current_wal_insert_lsn()::text as at`.execute(database.db);
    return rows[0]?.at ?? '';
  }
});
