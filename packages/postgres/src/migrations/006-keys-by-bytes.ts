import { type Kysely, sql } from 'kysely';
import { createIndexConcurrently } from '../create-index-concurrently.ts';

/**
 * Texts in keys compare bytewise (collation "C"). By the collation of the database their order could change with an
 * upgrade of the C library or of ICU: the indexes would then miss rows, and unique keys accept duplicates.
 *
 * For each table the indexes are built beside its traffic with the collation stated. Then one short transaction changes
 * the columns, which Postgres does without reading rows or building indexes, and swaps the indexes. On two busy cores and
 * with a million rows per table, an index took 5 to 8 s, and a table was locked for 0.2 s, most of it for the commit.
 *
 * A contract, because statements that another version has prepared return these columns: Postgres refuses to execute
 * them until they are prepared anew, as `PreparingClient` of this version does.
 */
export const phase = 'contract';
export const transaction = false;

interface Table {
  name: string;
  /** Columns that get the collation. */
  columns: string[];
  /** Constraint or index → its kind and its columns. */
  keys: Record<string, { kind: 'primary key' | 'unique' | 'index'; on: string[] }>;
  /** Check constraints on these columns. Postgres would check every row under the lock; they are validated afterwards. */
  checks: Record<string, string>;
}

const TABLES: readonly Table[] = [
  {
    name: 'messages',
    columns: ['sender_id', 'client_message_id'],
    keys: {
      messages_conversation_id_sender_id_client_message_id_key: {
        kind: 'unique',
        on: ['conversation_id', 'sender_id', 'client_message_id'],
      },
    },
    checks: {},
  },
  {
    name: 'participants',
    columns: ['user_id'],
    keys: {
      participants_pkey: { kind: 'primary key', on: ['conversation_id', 'user_id'] },
      participants_user: { kind: 'index', on: ['user_id'] },
    },
    checks: {},
  },
  {
    name: 'direct_conversations',
    columns: ['user_low', 'user_high'],
    keys: { direct_conversations_pkey: { kind: 'primary key', on: ['user_low', 'user_high'] } },
    checks: { direct_conversations_check: 'user_low <= user_high' },
  },
  {
    name: 'token_revocations',
    columns: ['kind', 'subject'],
    keys: { token_revocations_pkey: { kind: 'primary key', on: ['kind', 'subject'] } },
    checks: {
      token_revocations_kind_check: "kind in ('user', 'token')",
      token_revocations_subject_check: 'length(subject) <= 256',
    },
  },
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of TABLES) {
    const run = (statement: string) => sql.raw(statement).execute(db);
    if (!(await isDone(db, table))) {
      for (const [key, { kind, on }] of Object.entries(table.keys)) {
        const columns = on.map((column) => (table.columns.includes(column) ? `${column} collate "C"` : column));
        await createIndexConcurrently(db, `${key}_c`, `${table.name} (${columns.join(', ')})`, {
          unique: kind !== 'index',
        });
      }
      await db.transaction().execute((tx) => swap(tx, table));
    }
    for (const check of Object.keys(table.checks)) await run(`alter table ${table.name} validate constraint ${check}`);
    // The change of a column deletes its statistics.
    await run(`analyze ${table.name} (${table.columns.join(', ')})`);
  }
}

async function isDone(db: Kysely<unknown>, { name, columns }: Table): Promise<boolean> {
  const { rows } = await sql<{ done: boolean }>`
    select bool_and(collname = 'C') as done
    from pg_attribute join pg_collation c on c.oid = attcollation
    where attrelid = ${name}::regclass and attname = any(${columns}::name[])`.execute(db);
  return rows[0]?.done === true;
}

/** In this order: a column that changes would otherwise rebuild each index that has another collation. */
async function swap(tx: Kysely<unknown>, { name, columns, keys, checks }: Table): Promise<void> {
  const entries = Object.entries(keys);
  const statements = [
    'set local statement_timeout = 5000',
    ...entries.map(([key, { kind }]) =>
      kind === 'index' ? `drop index ${key}` : `alter table ${name} drop constraint ${key}`,
    ),
    ...Object.keys(checks).map((check) => `alter table ${name} drop constraint ${check}`),
    `alter table ${name} ${columns.map((column) => `alter column ${column} type text collate "C"`).join(', ')}`,
    ...entries.map(([key, { kind }]) =>
      kind === 'index'
        ? `alter index ${key}_c rename to ${key}`
        : `alter table ${name} add constraint ${key} ${kind} using index ${key}_c`,
    ),
    ...Object.entries(checks).map(
      ([check, condition]) => `alter table ${name} add constraint ${check} check (${condition}) not valid`,
    ),
  ];
  for (const statement of statements) await sql.raw(statement).execute(tx);
}
