import { describeLayout } from '@chat-cluster/queue/producer';
import { CLUSTER_NAME } from '@chat-cluster/redis';
import type { Finding, Reporter } from '../finding.ts';
import type { Deployment } from '../options.ts';
import type { RedisFields, RedisServer } from '../redis-server.ts';

/** Used share of maxmemory above which a server counts as almost full. */
const ALMOST_FULL = 0.8;

/** Checks a Redis server that stores lanes: it must lose nothing, and workers must serve it. */
export async function checkQueueServer(
  deployment: Deployment,
  info: RedisFields,
  server: RedisServer,
  reportOn: (check: string) => Reporter,
): Promise<Finding[]> {
  return [
    evictionFinding(reportOn('eviction'), info),
    ...memoryFindings(reportOn('memory'), info),
    persistenceFinding(reportOn('persistence'), info),
    await lanesFinding(reportOn('lanes'), deployment, server),
    // Workers register on the first server only, and not at a replica.
    ...(server.queueIndex === 0 && info.role === 'master' ? [await workersFinding(reportOn('workers'), server)] : []),
  ];
}

function evictionFinding(report: Reporter, { maxmemory_policy: policy = '?' }: RedisFields): Finding {
  if (policy === 'noeviction') return report.ok('it evicts no data');
  const found = `maxmemory-policy is ${policy}: Redis may evict accepted messages`;
  return report.failed(found, 'set maxmemory-policy noeviction');
}

function memoryFindings(report: Reporter, { maxmemory = '0', used_memory: used = '0' }: RedisFields): Finding[] {
  const share = Number(maxmemory) === 0 ? 0 : Number(used) / Number(maxmemory);
  if (share <= ALMOST_FULL) return [];
  const found = `${Math.round(share * 100)} % of maxmemory is used`;
  return [report.failed(found, 'raise maxmemory: a full Redis accepts no messages')];
}

function persistenceFinding(report: Reporter, { aof_enabled: aof }: RedisFields): Finding {
  if (aof === '1') return report.ok('it writes an append-only file');
  const found = 'it writes no append-only file: a restart loses the messages that wait in lanes';
  return report.warning(found, 'set appendonly yes');
}

async function lanesFinding(report: Reporter, deployment: Deployment, server: RedisServer): Promise<Finding> {
  const servers = deployment.redis?.queues.length ?? 1;
  const expected = describeLayout({ lanes: deployment.lanes, index: server.queueIndex, servers });
  const stored = await server.send('GET', `${CLUSTER_NAME}:lanes`);
  if (stored === null) return report.ok('no service has used it yet');
  if (stored === expected) return report.ok(`the services use it with LANES = ${stored}`);
  const found = `the services last used it with LANES = ${stored}, but the settings here give LANES = ${expected}`;
  return report.failed(found, 'use the same LANES and REDIS_QUEUE_URLS in all services and here');
}

async function workersFinding(report: Reporter, server: RedisServer): Promise<Finding> {
  const workers = Number(await server.send('ZCARD', `${CLUSTER_NAME}:workers`));
  if (workers > 0) return report.ok(`${workers} ${workers === 1 ? 'worker is' : 'workers are'} running`);
  return report.failed(
    'no worker is running, so no message is stored',
    'start workers with the same REDIS_… settings and LANES',
  );
}
