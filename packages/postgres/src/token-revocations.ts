import type { UserId } from '@chat-cluster/contracts';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Revokes the tokens of a user, or of all users, that were issued before a time, or one token by its `jti`. */
export interface TokenRevocation {
  kind: 'user' | 'token';
  /** The user id, EVERYONE, or the `jti`. */
  subject: string;
  /** The tokens of the user that were issued earlier are revoked; of a `jti`: the time of its revocation. */
  issuedBefore: Date;
  /** When it may be forgotten, because all tokens that it concerns have expired. Null: never. */
  endsAt: Date | null;
}

/** A revocation to store. `keptMs`: time until the last token that it concerns has expired, in ms; null: not known. */
export type NewRevocation = Omit<TokenRevocation, 'endsAt'> & { keptMs: number | null };

/** The revocations that changed, and the time on the clock of Postgres from which the next read continues. */
export interface RevocationChanges {
  changes: TokenRevocation[];
  readAt: Date;
}

export type TokenRevocations = ReturnType<typeof createTokenRevocations>;

/** Subject of the revocation of all users. No user id is empty. */
export const EVERYONE = '';

/** Longest time, in ms, between the timestamp of a revocation and its commit. Two reads overlap by it. */
const OVERLAP_MS = 60_000;
/**
 * Time for which a revocation stays in force after the last token that it concerns has expired, in ms: longer than the
 * clock tolerance of gateways (at most 10 minutes) and the differences between clocks.
 */
const GRACE_MS = 3_600_000;

/** Revoked tokens in Postgres. Their number is bounded, so every gateway keeps all of them in memory. */
export function createTokenRevocations(db: Database) {
  return {
    /**
     * Stores a revocation; resolves after the commit with the row. Of two for one subject the later time is valid, in
     * any order, and it is kept for the longer time.
     */
    async add(revocation: NewRevocation): Promise<TokenRevocation> {
      const { rows } = await addRevocationQuery(revocation).execute(db);
      return rows[0] as TokenRevocation;
    },
    /**
     * Reads all revocations in force, or those that changed after an earlier read. Rows that changed in the minute
     * before that read are returned again, since they may have been committed after it.
     */
    async changedSince(readAt: Date | undefined): Promise<RevocationChanges> {
      const { rows: times } = await sql<{ now: Date }>`select now() as now`.execute(db);
      const since = readAt ? new Date(readAt.getTime() - OVERLAP_MS) : new Date(0);
      const changes = await changedRevocationsQuery(db, since).execute();
      return { changes, readAt: times[0]?.now ?? since };
    },
    /** The revocation of a user that is in force, without that of all users. */
    async ofUser(userId: UserId): Promise<TokenRevocation | undefined> {
      return revocationOfUserQuery(db, userId).executeTakeFirst();
    },
    /** Number of revocations in the table, counted up to `atMost`. */
    async count(atMost: number): Promise<number> {
      const { rows } = await countRevocationsQuery(atMost).execute(db);
      return rows[0]?.count ?? 0;
    },
    /** Deletes the revocations that have ended. Resolves with their number. Several processes may call it at once. */
    async purge(): Promise<number> {
      const { numAffectedRows = 0n } = await purgeRevocationsQuery().execute(db);
      return Number(numAffectedRows);
    },
  };
}

const ENDS_AT = sql<Date | null>`changed_at + make_interval(secs => (kept_ms + ${sql.lit(GRACE_MS)}) / 1000.0)`;

export function addRevocationQuery({ kind, subject, issuedBefore, keptMs }: NewRevocation) {
  return sql<TokenRevocation>`
insert into token_revocations as known (kind, subject, issued_before, kept_ms)
values (${kind}::text, ${subject}::text, ${issuedBefore}::timestamptz, ${keptMs}::bigint)
on conflict (kind, subject) do update
set
  issued_before = greatest(known.issued_before, excluded.issued_before),
  kept_ms = case
    when known.kept_ms is not null and excluded.kept_ms is not null then greatest(known.kept_ms, excluded.kept_ms)
  end,
  changed_at = now()
returning kind, subject, issued_before as "issuedBefore", ${ENDS_AT} as "endsAt"`;
}

export function changedRevocationsQuery(db: Database, since: Date) {
  return db
    .selectFrom('token_revocations')
    .select(['kind', 'subject', 'issued_before as issuedBefore', ENDS_AT.as('endsAt')])
    .where('changed_at', '>=', since)
    .where(sql<boolean>`(${ENDS_AT} > now()) is not false`);
}

export function revocationOfUserQuery(db: Database, userId: UserId) {
  return db
    .selectFrom('token_revocations')
    .select(['kind', 'subject', 'issued_before as issuedBefore', ENDS_AT.as('endsAt')])
    .where('kind', '=', 'user')
    .where('subject', '=', userId)
    .where(sql<boolean>`(${ENDS_AT} > now()) is not false`);
}

/** The condition is always true; it makes the planner use the index. */
export function countRevocationsQuery(atMost: number) {
  return sql<{ count: number }>`
select count(*)::integer as count
from (select from token_revocations where changed_at <= 'infinity' limit ${atMost}) t`;
}

/** Not by a list of subjects: a row that is revoked again at the same time must stay. */
export function purgeRevocationsQuery() {
  return sql`
delete from token_revocations
where changed_at < now() and ${ENDS_AT} < now()`;
}
