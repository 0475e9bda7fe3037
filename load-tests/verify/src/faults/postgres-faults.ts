import { between, oneOf } from '@chat-cluster/testkit';
import { gatewaysLiveOn } from '../expectations.ts';
import type { Fault } from '../fault.ts';

/** As a crash and a failover do it: an immediate stop, a kill, or every connection reset. */
export const postgresRestarted: Fault = {
  id: 'F8',
  title: 'Postgres crashes, or resets its connections',
  async inject({ cluster, random }) {
    const how = oneOf(random, ['SIGQUIT', 'SIGKILL', 'reset'] as const);
    const lastsMs = between(random, 500, 4_000);
    if (how !== 'reset') {
      await cluster.postgres.kill(how);
      return { lastsMs, heal: () => cluster.postgres.start() };
    }
    const links = [...cluster.gateways, ...cluster.workers].map(({ postgres }) => postgres);
    for (const link of links) link.set({ kind: 'reset' });
    return {
      lastsMs: lastsMs / 4,
      async heal() {
        for (const link of links) link.set({ kind: 'pass' });
      },
    };
  },
  expect: gatewaysLiveOn,
};
