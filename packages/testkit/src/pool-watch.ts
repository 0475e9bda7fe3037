import { every } from '@chat-cluster/runtime';
import pg from 'pg';

const SAMPLE_INTERVAL_MS = 50;

/** Postgres connections of each service while they are watched. */
export interface PoolWatch {
  /** Most connections at once, by the name of the service; 0: none was seen. */
  readonly peaks: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Samples the connections of the services with these names over a connection of its own. */
export async function watchPools(connectionString: string, services: readonly { name: string }[]): Promise<PoolWatch> {
  const peaks = new Map(services.map(({ name }) => [name, 0]));
  const client = new pg.Client({ connectionString });
  // A run that fails may stop its database first.
  client.on('error', () => {});
  await client.connect();
  const sampling = every(SAMPLE_INTERVAL_MS, async () => {
    const { rows } = await client.query<{ name: string; count: number }>(CONNECTIONS);
    for (const { name, count } of rows) {
      const peak = peaks.get(name);
      if (peak !== undefined) peaks.set(name, Math.max(peak, count));
    }
  });
  sampling.now();
  return {
    peaks,
    async stop() {
      await sampling.stop();
      await client.end();
    },
  };
}

const CONNECTIONS = `select application_name as name, count(*)::integer as count
from pg_stat_activity where backend_type = 'client backend' group by application_name`;
