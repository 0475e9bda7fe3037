import { type Kysely, sql } from 'kysely';

/** Oldest supported major version of Postgres. Older ones receive no fixes. */
const OLDEST_MAJOR = 14;

/** A property of the database that the chat cannot work with. */
export interface UnmetRequirement {
  problem: string;
  /** What the operator can do, as an imperative without a full stop. */
  fix: string;
}

/** Reads what the database lacks; empty for a suitable one. */
export async function unmetRequirements(
  // biome-ignore lint/suspicious/noExplicitAny: the type of its tables does not matter.
  db: Kysely<any>,
): Promise<UnmetRequirement[]> {
  const { rows } = await sql<Server>`
    select current_setting('server_encoding') as encoding, current_setting('server_version') as version,
      current_setting('server_version_num')::integer / 10000 as major`.execute(db);
  const [server] = rows;
  if (!server) throw new Error('the query for the properties of the database returned no row');
  const { encoding, version, major } = server;
  return [
    ...(major >= OLDEST_MAJOR
      ? []
      : [{ problem: `Postgres ${version} is too old`, fix: `upgrade to version ${OLDEST_MAJOR} or newer` }]),
    ...(encoding === 'UTF8'
      ? []
      : [
          {
            problem: `the encoding of the database is ${encoding}, so it cannot store every text (€, emoji)`,
            fix: "create another one (create database … encoding 'UTF8' template template0), move the data there with pg_dump and psql, and set DATABASE_URL to it",
          },
        ]),
  ];
}

interface Server {
  encoding: string;
  version: string;
  major: number;
}
