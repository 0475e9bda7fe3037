import {
  every,
  type Lifecycle,
  type Logger,
  type OpsServer,
  startingReadiness,
  withDeadline,
} from '@chat-cluster/runtime';
import { CLUSTER_NAME } from './cluster-name.ts';
import type { RedisClient } from './connection/connection.ts';

/** Key with the database of the cluster that uses a server under this name. */
const KEY = `${CLUSTER_NAME}:database`;
const CHECK_EVERY_MS = 2_000;
/** Time limit for an answer of Redis, in ms. */
const DEADLINE_MS = 2_000;

interface Options {
  /** The servers that store keys. */
  clients: readonly RedisClient[];
  /** Time at which the schema was created, which identifies the database. Undefined or rejects while not known. */
  schemaBirth: () => Promise<string | undefined>;
  logger: Logger;
  lifecycle: Lifecycle;
  /** Receives the readiness during the wait; absent in a fork, whose supervisor has the admin listener. */
  show?: OpsServer['show'] | undefined;
}

/**
 * Claims the servers for the cluster of this database. Waits while one of them is claimed by another cluster of the same
 * name: each would receive events of the other and store its messages. During the wait the process is alive
 * (`/healthz`) but not ready, and has logged the fix.
 */
export async function awaitOwnRedis({ logger, lifecycle, show, ...claim }: Options): Promise<void> {
  let collision: string | undefined;
  show?.({
    readiness: () =>
      collision === undefined || lifecycle.stopping
        ? startingReadiness(lifecycle, { cluster: 'not known yet' })
        : { ready: false, reason: 'cluster', checks: { cluster: collision } },
  });
  const claimed = Promise.withResolvers<void>();
  const checks = every(CHECK_EVERY_MS, async () => {
    const found = await claimServers(claim);
    if (found === undefined) return claimed.resolve();
    if (found !== collision) logger.error(found);
    collision = found;
  });
  lifecycle.own('claim of redis', checks, (repetition) => repetition.stop());
  checks.now();
  await claimed.promise;
  void checks.stop();
  if (collision !== undefined) logger.info('redis: the other cluster is gone');
}

/** Claims all servers, or none and resolves with the problem. Rejects while it is not known. */
async function claimServers({
  clients,
  schemaBirth,
}: Pick<Options, 'clients' | 'schemaBirth'>): Promise<string | undefined> {
  const here = await schemaBirth();
  if (here === undefined) throw new Error('the database has no schema yet');
  const owners = await withDeadline(Promise.all(clients.map((client) => client.get(KEY))), DEADLINE_MS, 'claim');
  const other = owners.find((owner) => owner !== null && owner !== here);
  if (other !== undefined) {
    return (
      `CLUSTER_NAME: another cluster uses this Redis under the name "${CLUSTER_NAME}". Its database was created at ` +
      `${other}, that of DATABASE_URL at ${here}. Set CLUSTER_NAME to a name of its own for one of them, or, if the other ` +
      `cluster is gone, delete the key ${KEY}`
    );
  }
  const free = clients.filter((_, i) => owners[i] === null);
  const taken = await withDeadline(Promise.all(free.map((client) => client.setNX(KEY, here))), DEADLINE_MS, 'claim');
  // Another process was faster: it may belong to another cluster. A server that is listed twice is checked twice.
  return taken.includes(0) ? claimServers({ clients, schemaBirth }) : undefined;
}
