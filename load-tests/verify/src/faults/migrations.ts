import { earlierVersion, repository } from '@chat-cluster/local-cluster';
import { startHaproxy } from '@chat-cluster/testkit/balancers';
import pg from 'pg';
import { acknowledgedAtOnce, answeredWithin, clientsUnaffected } from '../expectations.ts';
import type { Fault } from '../fault.ts';
import { migrateCluster } from '../processes/migrate-cluster.ts';
import { countViolations, DRAIN, deploy } from './deploys.ts';

/** Time within which a send must be acknowledged, in ms. A migration blocks other sessions for up to 1.5 s. */
const ACK_LIMIT_MS = 2_500;

/** Migrates the schema to the next version while a long transaction reads a table. The services do not change. */
export const migratedUnderLoad: Fault = {
  id: 'F25',
  title: 'the schema is migrated to that of the next version',
  freshCluster: true,
  async inject({ cluster }) {
    const reader = new pg.Client({ connectionString: cluster.postgres.url, application_name: 'reader' });
    await reader.connect();
    await reader.query('begin; select from messages limit 1');
    const retried = Promise.withResolvers<void>();
    const migrating = migrateCluster(cluster, { next: true, onRetry: retried.resolve });
    // `heal` awaits it.
    migrating.catch(() => {});
    let figures = '';
    return {
      lastsMs: 0,
      async heal() {
        // The long transaction ends after the command has failed once to get its lock.
        await Promise.race([retried.promise, migrating]).finally(() => reader.end());
        const { names, retries, seconds } = await migrating;
        figures = `${names.length} migrations, ${retries} retries for a lock, ${seconds.toFixed(1)} s`;
        if (names.length === 0 || retries === 0) throw new Error(`the round does not test what it should: ${figures}`);
      },
      figures: () => figures,
    };
  },
  expect: (outcome) => [
    ...acknowledgedAtOnce(outcome),
    ...answeredWithin(outcome, ACK_LIMIT_MS),
    ...clientsUnaffected(outcome),
  ],
};

export interface UpgradeOptions {
  /** The commit to upgrade from, as git names it. Default: HEAD~1. */
  from?: string | undefined;
  /** True: also runs migrations that no version has yet. */
  next?: boolean;
}

/** Upgrades a cluster of an earlier commit: first its schema, then gateways and workers one after the other. */
export function upgrade({ from = 'HEAD~1', next = false }: UpgradeOptions = {}): Fault {
  const fault = {
    id: 'F26',
    title: `an upgrade from the commit ${from}`,
    freshCluster: true,
    cluster: async () => ({ balancer: startHaproxy, env: DRAIN, version: (await earlierVersion(from)).folder }),
  };
  return deploy(fault, {
    async before(cluster) {
      const { names, seconds } = await migrateCluster(cluster, { next });
      return { migrations: names.length, 'migrated in': `${seconds.toFixed(1)} s` };
    },
    change: (service) => service.moveTo(repository),
    cells: (outcome) => ({
      'out of order': countViolations(outcome, 'outOfOrder', 'gap'),
      'wrong badges': countViolations(outcome, 'wrongBadge', 'wrongCounter'),
    }),
  });
}
