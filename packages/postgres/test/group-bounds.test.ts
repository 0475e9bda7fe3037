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
