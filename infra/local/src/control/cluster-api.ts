import { connectClusterView } from '@chat-cluster/cluster-view';
import type { Cluster } from '@chat-cluster/local-cluster';
import { commonConfig, createLogger, integer, parseConfig } from '@chat-cluster/runtime';

/** The settings of workers that the cluster view reads. */
const settings = commonConfig.extend({ RECOUNT_LANES: integer(1, 64, 2) });

/** The API of the cluster view, with connections of its own to the servers of the cluster. Waits for Redis. */
export function openClusterApi(cluster: Pick<Cluster, 'databaseUrl' | 'redisUrl'>, lanes: number) {
  const env = { DATABASE_URL: cluster.databaseUrl, REDIS_URL: cluster.redisUrl, LANES: String(lanes) };
  const config = parseConfig(settings, { ...process.env, ...env });
  // The control server logs the actions.
  const logger = createLogger({ name: 'control', level: 'warn', format: config.LOG_FORMAT });
  return connectClusterView({ config, logger, canAct: true, actor: ({ headers }) => headers.origin ?? '' });
}
