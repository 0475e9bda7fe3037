import type { DeadLetter, DeadLetters } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Dead letters as rows. Few there should be: nothing here is on a hot path, and yet nothing reads a whole table. */
export function createDeadLetters(db: Database): DeadLetters {
  return {
    async keep(letters) {
      // A statement may not touch a row twice; the last word on a letter counts.
      const distinct = [...new Map(letters.map((letter) => [letter.id, letter])).values()];
      if (distinct.length > 0) await keepDeadLetters(distinct).execute(db);
    },
    newest: (limit, before) => newestDeadLetters(db, limit, before ?? END).execute(),
    find: (ids) => findDeadLetters(db, ids).execute(),
    async drop(ids) {
      const { numDeletedRows } = await dropDeadLetters(db, ids).executeTakeFirstOrThrow();
      return Number(numDeletedRows);
    },
    async count(atMost) {
      const { rows } = await countDeadLetters(atMost).execute(db);
      return rows[0]?.count ?? 0;
    },
  };
}

export function keepDeadLetters(letters: readonly Omit<DeadLetter, 'at'>[]) {
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

/** Older than any letter is new. */
const END = { at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

export function newestDeadLetters(db: Database, limit: number, before: { at: Date | string; id: string }) {
  return db
    .selectFrom('dead_letters')
    .selectAll()
    .where(sql<boolean>`(at, id) < (${before.at}::timestamptz, ${before.id}::uuid)`)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit);
}

export function findDeadLetters(db: Database, ids: readonly string[]) {
  return db.selectFrom('dead_letters').selectAll().where('id', '=', sql<string>`any(${ids}::uuid[])`);
}

export function dropDeadLetters(db: Database, ids: readonly string[]) {
  return db.deleteFrom('dead_letters').where('id', '=', sql<string>`any(${ids}::uuid[])`);
}

/** The condition, always true, lets the index serve it. */
export function countDeadLetters(atMost: number) {
  return sql<{ count: number }>`
select count(*)::integer as count
from (select from dead_letters where at <= 'infinity' limit ${atMost}) t`;
}
