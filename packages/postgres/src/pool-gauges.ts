import type pg from 'pg';
import { Gauge } from 'prom-client';

const pools = new Set<pg.Pool>();

new Gauge({
  name: 'chat_postgres_pool_connections',
  help: 'Connections that this process has or may open: busy, idle, unopened; their sum is the size of its pool',
  labelNames: ['state'],
  collect() {
    const open = openPools();
    const sum = (of: (pool: pg.Pool) => number) => open.reduce((total, pool) => total + of(pool), 0);
    this.set(
      { state: 'busy' },
      sum(({ totalCount, idleCount }) => totalCount - idleCount),
    );
    this.set(
      { state: 'idle' },
      sum(({ idleCount }) => idleCount),
    );
    this.set(
      { state: 'unopened' },
      sum(({ options, totalCount }) => options.max - totalCount),
    );
  },
});
new Gauge({
  name: 'chat_postgres_pool_waiting',
  help: 'Queries of this process that wait for a connection',
  collect() {
    this.set(openPools().reduce((total, pool) => total + pool.waitingCount, 0));
  },
});

/** Counts the pool from now on, until it has ended. */
export function showPool(pool: pg.Pool): void {
  pools.add(pool);
}

function openPools(): pg.Pool[] {
  for (const pool of pools) if (pool.ended) pools.delete(pool);
  return [...pools];
}
