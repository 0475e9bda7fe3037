import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, type ClusterOptions, startCluster } from '@chat-cluster/local-cluster';
import { freshDatabase, privateServers } from './servers.ts';

export type TestCluster = Cluster & { [Symbol.asyncDispose](): Promise<void> };

/**
 * Starts a cluster of real processes on a free port: by default two gateway processes and one worker. It uses the
 * Postgres and the Redis of the test run, with its own database. The clusters of a run share the Redis, so those that
 * run at the same time need different values of CLUSTER_NAME.
 */
export async function startTestCluster(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  const { redis } = await privateServers();
  const database = await freshDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'chat-cluster-'));
  const removeData = async () => {
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  };
  const cluster = await startCluster({
    port: 0,
    dataDir,
    gatewayProcesses: 2,
    workers: 1,
    lanes: 4,
    databaseUrl: database.url,
    migrated: true,
    redisUrl: redis.url,
    log: () => {},
    ...options,
  }).catch(async (error: unknown) => {
    await removeData();
    throw error;
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= cluster.stop().then(removeData);
    return stopped;
  };
  // The getters of the cluster stay getters.
  const methods = { stop: { value: stop }, [Symbol.asyncDispose]: { value: stop } };
  return Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(cluster), ...methods }) as TestCluster;
}
