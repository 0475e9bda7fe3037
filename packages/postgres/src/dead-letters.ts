import type { DeadLetter, DeadLetters } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Dead letters in Postgres. They are rare, so speed does not matter here, but no query reads the whole table. */
export function createDeadLetters(db: Database): DeadLetters {
  return {
    async keep(letters) {
      // A statement cannot update a row twice, so it gets only the last version of each letter.
      const distinct = [...new Map(letters.map((letter) => [letter.id, letter])).values()];
      if (distinct.length > 0) await keepDeadLettersQuery(distinct).execute(db);
    },
    newest: (limit, before) => newestDeadLettersQuery(db, limit, before ?? START).execute(),
    find: (ids) => findDeadLettersQuery(db, ids).execute(),
    async drop(ids) {
      const { numDeletedRows } = await dropDeadLettersQuery(db, ids).executeTakeFirstOrThrow();
      return Number(numDeletedRows);
    },
    async count(atMost) {
      const { rows } = await countDeadLettersQuery(atMost).execute(db);
      return rows[0]?.count ?? 0;
    },
  };
}

export function keepDeadLettersQuery(letters: readonly Omit<DeadLetter, 'at'>[]) {
  const columns = [
    letters.map(({ id }) => id),
    letters.map(({ source }) => source),
    letters.map(({ reason }) => reason),
    letters.map(({ attempts }) => attempts),
    letters.map(({ entry }) => entry),
  ] as const;
  return sql`
insert into dead_letters as kept (id, source, reason, attempts, entry)
select id, source, reason, attempts, entry
from unnest(${columns[0]}::uuid[], ${columns[1]}::text[], ${columns[2]}::text[], ${columns[3]}::integer[], ${columns[4]}::text[])
  with ordinality as t (id, source, reason, attempts, entry, ord)
order by ord
on conflict (id) do update
set
  source = excluded.source,
  reason = excluded.reason,
  attempts = case excluded.source
    when 'store' then kept.attempts + excluded.attempts
    else greatest(kept.attempts, excluded.attempts)
  end`;
}

const COLUMNS = ['id', 'at', 'source', 'reason', 'attempts', 'entry'] as const;

/** Position before the newest letter. */
const START = { at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

export function newestDeadLettersQuery(db: Database, limit: number, before: { at: Date | string; id: string }) {
  return db
    .selectFrom('dead_letters')
    .select(COLUMNS)
    .where(sql<boolean>`(at, id) < (${before.at}::timestamptz, ${before.id}::uuid)`)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit);
}

export function findDeadLettersQuery(db: Database, ids: readonly string[]) {
  return db.selectFrom('dead_letters').select(COLUMNS).where('id', '=', sql<string>`any(${ids}::uuid[])`);
}

export function dropDeadLettersQuery(db: Database, ids: readonly string[]) {
  return db.deleteFrom('dead_letters').where('id', '=', sql<string>`any(${ids}::uuid[])`);
}

/** The condition is always true; it makes the planner use the index. */
export function countDeadLettersQuery(atMost: number) {
  return sql<{ count: number }>`
select count(*)::integer as count
from (select from dead_letters where at <= 'infinity' limit ${atMost}) t`;
}
