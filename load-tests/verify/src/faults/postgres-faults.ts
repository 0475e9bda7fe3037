import { between, oneOf } from '@chat-cluster/testkit';
import pg from 'pg';
import { gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault, World } from '../fault.ts';

/** As a crash and a failover do it: an immediate stop, a kill, or every connection reset. */
export const postgresRestarted: Fault = {
  id: 'F8',
  title: 'Postgres crashes, or resets its connections',
  async inject(world) {
    const { cluster, random } = world;
    const how = oneOf(random, ['SIGQUIT', 'SIGKILL', 'reset'] as const);
    const lastsMs = between(random, 500, 4_000);
    if (how !== 'reset') {
      await cluster.postgres.kill(how);
      return { lastsMs, heal: () => cluster.postgres.start() };
    }
    for (const link of linksOf(world)) link.set({ kind: 'reset' });
    return {
      lastsMs: lastsMs / 4,
      async heal() {
        for (const link of linksOf(world)) link.set({ kind: 'pass' });
      },
    };
  },
  expect: (outcome) => [...gatewaysLiveOn(outcome), ...socketsStayConnected(outcome)],
};

/** In turn: half a second for each round trip, and another session that locks the table of messages. */
export const postgresSlow: Fault = {
  id: 'F9',
  title: 'Postgres is slow, or its table is locked',
  async inject(world) {
    const { cluster, random, round } = world;
    const lastsMs = between(random, 2_000, 8_000);
    if (round % 2 === 1) {
      for (const link of linksOf(world)) link.set({ kind: 'delay', ms: 250, jitterMs: 20 });
      return {
        lastsMs,
        async heal() {
          for (const link of linksOf(world)) link.set({ kind: 'pass' });
        },
      };
    }
    const session = new pg.Client({ connectionString: cluster.postgres.url });
    await session.connect();
    await session.query('begin; lock table messages in access exclusive mode');
    return { lastsMs, heal: () => session.end() };
  },
  expect: (outcome) => [...gatewaysLiveOn(outcome), ...socketsStayConnected(outcome)],
};

function linksOf({ cluster }: World) {
  return [...cluster.gateways, ...cluster.workers].map(({ postgres }) => postgres);
}
