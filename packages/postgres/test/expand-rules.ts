import { type Kysely, sql } from 'kysely';

/** The tables of a database, from the catalog. */
export interface Snapshot {
  /** Name → the file of its rows, which changes when the table is rewritten. */
  tables: Map<string, string>;
  /** By `table.column`. */
  columns: Map<string, { table: string; type: string; notNull: boolean; hasDefault: boolean }>;
  constraints: Map<string, { table: string; valid: boolean }>;
  indexes: Map<string, { table: string; unique: boolean }>;
}

export async function snapshot(db: Kysely<unknown>): Promise<Snapshot> {
  const query = async <T>(statement: ReturnType<typeof sql<T & { name: string }>>) =>
    new Map((await statement.execute(db)).rows.map((row) => [row.name, row as T]));
  const files = await query<{ file: string }>(sql`
    select relname as name, pg_relation_filenode(oid)::text as file
    from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`);
  return {
    tables: new Map([...files].map(([name, { file }]) => [name, file])),
    columns: await query(sql`
      select c.relname || '.' || attname as name, c.relname as table, format_type(atttypid, atttypmod) as type,
        attnotnull as "notNull", atthasdef or attidentity <> '' as "hasDefault"
      from pg_attribute join pg_class c on c.oid = attrelid
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped`),
    // The columns show their not null constraints.
    constraints: await query(sql`
      select conname as name, c.relname as table, convalidated as valid
      from pg_constraint join pg_class c on c.oid = conrelid
      where c.relnamespace = 'public'::regnamespace and contype in ('c', 'f')`),
    indexes: await query(sql`
      select i.relname as name, c.relname as table, indisunique as unique
      from pg_index join pg_class i on i.oid = indexrelid join pg_class c on c.oid = indrelid
      where c.relnamespace = 'public'::regnamespace`),
  };
}

/**
 * A sentence for each violation of the rules of an expand: something that the previous version needs is gone or
 * stricter, or a table that it uses is locked for a time that grows with its rows. New tables are exempt: no version
 * uses them yet.
 */
export function expandProblems(
  before: Snapshot,
  after: Snapshot,
  { statements, transaction }: { statements: readonly string[]; transaction: boolean },
): string[] {
  const old = (table: string) => before.tables.has(table);
  const gone = [...before.tables.keys()].filter((table) => !after.tables.has(table));
  const changedRows = transaction ? /^\s*(update|delete|truncate)\b/i : /^\s*truncate\b/i;
  return [
    ...gone.map((table) => `${table} is gone`),
    ...[...before.columns].flatMap(([name, was]) =>
      gone.includes(was.table) ? [] : stricter(name, was, after.columns.get(name)),
    ),
    ...[...before.tables].flatMap(([table, file]) =>
      after.tables.has(table) && after.tables.get(table) !== file ? [`${table} was rewritten`] : [],
    ),
    ...[...after.columns].flatMap(([name, { table, notNull, hasDefault }]) =>
      old(table) && !before.columns.has(name) && notNull && !hasDefault
        ? [`${name} is not null without a default`]
        : [],
    ),
    ...[...after.constraints].flatMap(([name, { table, valid }]) =>
      old(table) && !before.constraints.has(name) && valid ? [`${name} is checked for every row under a lock`] : [],
    ),
    ...[...after.indexes].flatMap(([name, { table, unique }]) => {
      if (!old(table) || before.indexes.has(name)) return [];
      const beside = statements.some((text) => /\bindex concurrently\b/i.test(text) && text.includes(name));
      return [
        ...(beside ? [] : [`${name} locks ${table} while it is built`]),
        ...(unique ? [`${name} rejects rows that were allowed`] : []),
      ];
    }),
    ...statements
      .filter((text) => changedRows.test(text))
      .map((text) => `rows are changed in one transaction: ${text}`),
    ...statements.filter((text) => /^\s*lock\b/i.test(text)).map((text) => `a table is locked: ${text}`),
  ];
}

type Column = Snapshot['columns'] extends Map<string, infer C> ? C : never;

function stricter(name: string, was: Column, is: Column | undefined): string[] {
  if (!is) return [`${name} is gone`];
  return [
    ...(is.type === was.type ? [] : [`${name} has another type`]),
    ...(was.hasDefault && !is.hasDefault ? [`${name} has lost its default`] : []),
    ...(is.notNull && !was.notNull ? [`${name} is now not null`] : []),
  ];
}
