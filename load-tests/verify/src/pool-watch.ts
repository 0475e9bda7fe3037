import type { FaultCluster } from '@chat-cluster/testkit';
import pg from 'pg';

const SAMPLE_EVERY_MS = 50;

/** Postgres connections of each service, while they are watched. */
export interface PoolWatch {
  /** Of each service by its name, at most at once; 0 says that nothing was seen of it. */
  readonly peaks: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Over a connection of its own, past every proxy. */
export async function watchPools({ postgres, gateways, workers }: FaultCluster): Promise<PoolWatch> {
  const peaks = new Map([...gateways, ...workers].map(({ name }) => [name, 0]));
  const client = new pg.Client({ connectionString: postgres.url });
  // A round that fails may end its database first.
  const ignore = () => {};
  client.on('error', ignore);
  await client.connect();
  const note = ({ rows }: pg.QueryResult<{ name: string; count: number }>) => {
    for (const { name, count } of rows) {
      const peak = peaks.get(name);
      if (peak !== undefined) peaks.set(name, Math.max(peak, count));
    }
  };
  const sample = () => client.query<{ name: string; count: number }>(CONNECTIONS).then(note, ignore);
  let sampled = sample();
  const timer = setInterval(() => {
    sampled = sampled.then(sample);
  }, SAMPLE_EVERY_MS).unref();
  return {
    peaks,
    async stop() {
      clearInterval(timer);
      await sampled;
      await client.end();
    },
  };
}

const CONNECTIONS = `select application_name as name, count(*)::integer as count
from pg_stat_activity where backend_type = 'client backend' group by application_name`;
