import type { ClusterOverview } from '@chat-cluster/contracts';
import type { OperatorQueries } from '@chat-cluster/postgres';
import type { LaneServer } from '@chat-cluster/queue';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { cachedFor } from '../cached-for.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { type KeptSnapshot, readSnapshots } from '../snapshots/snapshot-store.ts';
import { ChangeLog } from './change-log.ts';
import { flowOf } from './flow.ts';
import { Judge } from './judge.ts';
import { type LaneNumbers, readLanes } from './lanes.ts';
import { processesOf } from './processes.ts';
import { postgresReader, type RoleServer, readRedis } from './servers.ts';
import { mixedVersionsOf } from './versions.ts';

/** Time for which an overview is served again, in ms: any number of pages costs as much as one. */
const FRESH_MS = 1_000;

export interface OverviewDeps {
  cache: RedisClient;
  queues: readonly LaneServer[];
  /** The Redis servers with their roles, now. */
  redisServers(): readonly RoleServer[];
  queries: OperatorQueries;
  postgresServer: string;
  config: LaneNumbers;
  canAct: boolean;
  queueBoard?: string | undefined;
}

/**
 * The overview of the cluster: from the snapshots of its processes, the lanes in Redis, and the servers themselves. It
 * sends no request to a process. Never rejects: a server that cannot be read is shown as down.
 */
export function overviewReader(deps: OverviewDeps): () => Promise<ClusterOverview> {
  const readPostgres = postgresReader(deps.queries, deps.postgresServer);
  const judge = new Judge();
  const changes = new ChangeLog();
  // While the cache Redis is away, the overview has the last snapshots that were read.
  let snapshots: { kept: KeptSnapshot[]; unreadable: number } = { kept: [], unreadable: 0 };
  return cachedFor(FRESH_MS, async () => {
    const reading = readSnapshots(deps.cache).then((read) => {
      snapshots = read;
    });
    const [lanes] = await Promise.all([readLanes(deps.queues, deps.config), reading.catch(() => {})]);
    const processes = processesOf(snapshots.kept);
    const { live, gateways, workers } = processes;
    const [redis, postgres] = await Promise.all([readRedis(deps.redisServers(), live), readPostgres(live)]);
    const unreadableSnapshots = snapshots.unreadable;
    const state = { at: Date.now(), clusterName: CLUSTER_NAME, gateways, workers, lanes, redis, postgres };
    const snapshotCpuPercent = snapshotCpuOf(live);
    const facts = { ...state, flow: flowOf(live), unreadableSnapshots, snapshotCpuPercent, live };
    const verdict = judge.judge(facts);
    const mixedVersions = mixedVersionsOf(live);
    const { live: _, ...shown } = facts;
    return {
      ...shown,
      verdict,
      ...(mixedVersions && { mixedVersions }),
      changes: changes.add(facts, verdict),
      canAct: deps.canAct,
      ...(deps.queueBoard === undefined ? {} : { queueBoard: deps.queueBoard }),
    };
  });
}

function snapshotCpuOf(live: readonly Snapshot[]): number {
  const shares = live.map(({ gauges, overMs }) => (100 * (gauges.cpuOfSnapshotMs ?? 0)) / overMs);
  return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
}
