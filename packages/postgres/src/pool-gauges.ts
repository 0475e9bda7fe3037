import type pg from 'pg';
import { Gauge } from 'prom-client';

const pools = new Set<pg.Pool>();

new Gauge({
  name: 'chat_postgres_pool_connections',
  help: 'Connections in the pool of this process: busy, idle and unopened; the sum is the size of the pool',
  labelNames: ['state'],
  collect() {
    const connections = { busy: 0, idle: 0, unopened: 0 };
    for (const { totalCount, idleCount, options } of openPools()) {
      connections.busy += totalCount - idleCount;
      connections.idle += idleCount;
      connections.unopened += options.max - totalCount;
    }
    for (const [state, count] of Object.entries(connections)) this.set({ state }, count);
  },
});
new Gauge({
  name: 'chat_postgres_pool_waiting',
  help: 'Queries of this process that wait for a connection of the pool',
  collect() {
    this.set(openPools().reduce((total, pool) => total + pool.waitingCount, 0));
  },
});

/** Includes the pool in the gauges until it has ended. */
export function showPool(pool: pg.Pool): void {
  pools.add(pool);
}

function openPools(): pg.Pool[] {
  for (const pool of pools) if (pool.ended) pools.delete(pool);
  return [...pools];
}
