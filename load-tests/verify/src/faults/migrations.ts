import { repository } from '@chat-cluster/local-cluster';
import { checkHistory } from '@chat-cluster/testkit';
import { startHaproxy } from '@chat-cluster/testkit/balancers';
import pg from 'pg';
import { earlierVersion } from '../earlier-version.ts';
import { acknowledgedAtOnce, answeredWithin, gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault, RoundOutcome } from '../fault.ts';
import { migrateCluster } from '../migrate-cluster.ts';
import { DRAIN, deploy } from './deploys.ts';

/** What waits behind the command does so for 1.5 s at a time. */
const ACK_WITHIN_MS = 2_500;

/** The services are this version; the schema becomes that of the next one, while somebody reads a table for long. */
export const migratedUnderLoad: Fault = {
  id: 'F25',
  title: 'the schema becomes that of the next version',
  fresh: true,
  async inject({ cluster }) {
    const reader = new pg.Client({ connectionString: cluster.postgres.url, application_name: 'reader' });
    await reader.connect();
    await reader.query('begin; select from messages limit 1');
    let leave: () => void = () => {};
    const inVain = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const migrating = migrateCluster(cluster, { next: true, onRetry: leave });
    // Waited for in `heal`.
    migrating.catch(() => {});
    let told = '';
    return {
      lastsMs: 0,
      async heal() {
        // The reader leaves when the command has waited in vain for it once.
        await Promise.race([inVain, migrating]).finally(() => reader.end());
        const { names, retries, seconds } = await migrating;
        told = `${names.length} migrations, ${retries} tries for a lock in vain, ${seconds.toFixed(1)} s`;
        if (names.length === 0 || retries === 0) throw new Error(`it was not put to the test: ${told}`);
      },
      figures: () => told,
    };
  },
  expect: (outcome) => [
    ...acknowledgedAtOnce(outcome),
    ...answeredWithin(outcome, ACK_WITHIN_MS),
    ...gatewaysLiveOn(outcome),
    ...socketsStayConnected(outcome),
  ],
};

export interface UpgradeOptions {
  /** A commit as git names it; default the one before the last. */
  from?: string | undefined;
  /** True: migrations run that no version has yet, besides those of this one. */
  next?: boolean;
}

/** From an earlier commit, its schema and its dependencies to this version: migrations first, then process by process. */
export function upgrade({ from = 'HEAD~1', next = false }: UpgradeOptions = {}): Fault {
  return deploy({
    id: 'F26',
    title: `an upgrade from the commit ${from}`,
    fresh: true,
    cluster: async () => ({ balancer: startHaproxy, env: DRAIN, version: await earlierVersion(from) }),
    async before(cluster) {
      const { names, seconds } = await migrateCluster(cluster, { next });
      return { migrations: names.length, 'migrated in': `${seconds.toFixed(1)} s` };
    },
    change: (service) => service.moveTo(repository),
    cells: otherWrongs,
  });
}

function otherWrongs({ history }: RoundOutcome): Record<string, number> {
  const { violations } = checkHistory(history);
  const count = (...kinds: string[]) => violations.filter(({ kind }) => kinds.includes(kind)).length;
  return { 'out of order': count('outOfOrder', 'gap'), 'wrong badges': count('wrongBadge', 'wrongCounter') };
}
