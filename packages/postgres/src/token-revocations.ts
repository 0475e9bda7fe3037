import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Revokes the tokens of a user that were issued before a time, or one token by its `jti`. */
export interface TokenRevocation {
  kind: 'user' | 'token';
  /** The user id, or the `jti`. */
  subject: string;
  /** The tokens of the user that were issued earlier are revoked; of a `jti`: the time of its revocation. */
  issuedBefore: Date;
}

/** The revocations that changed, and the time on the clock of Postgres from which the next read continues. */
export interface RevocationChanges {
  changes: TokenRevocation[];
  readAt: Date;
}

export type TokenRevocations = ReturnType<typeof createTokenRevocations>;

/** Longest time, in ms, between the timestamp of a revocation and its commit. Two reads overlap by it. */
const OVERLAP_MS = 60_000;

/** Revoked tokens in Postgres. There are few, so every gateway keeps all of them in memory. */
export function createTokenRevocations(db: Database) {
  return {
    /** Stores a revocation. Resolves after the commit. Of two for one user the later time is valid, in any order. */
    async add(revocation: TokenRevocation): Promise<void> {
      await addRevocationQuery(revocation).execute(db);
    },
    /**
     * Reads all revocations, or those that changed after an earlier read. Rows that changed in the minute before that
     * read are returned again, since they may have been committed after it.
     */
    async changedSince(readAt: Date | undefined): Promise<RevocationChanges> {
      const { rows: times } = await sql<{ now: Date }>`select now() as now`.execute(db);
      const since = readAt ? new Date(readAt.getTime() - OVERLAP_MS) : new Date(0);
      const changes = await changedRevocationsQuery(db, since).execute();
      return { changes, readAt: times[0]?.now ?? since };
    },
  };
}

export function addRevocationQuery({ kind, subject, issuedBefore }: TokenRevocation) {
  return sql`
insert into token_revocations as known (kind, subject, issued_before)
values (${kind}::text, ${subject}::text, ${issuedBefore}::timestamptz)
on conflict (kind, subject) do update
set
  issued_before = greatest(known.issued_before, excluded.issued_before),
  changed_at = now()`;
}

export function changedRevocationsQuery(db: Database, since: Date) {
  return db
    .selectFrom('token_revocations')
    .select(['kind', 'subject', 'issued_before as issuedBefore'])
    .where('changed_at', '>=', since);
}
