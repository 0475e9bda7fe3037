import { describeLayout } from '@chat-cluster/queue/producer';
import { type Finding, reasonOf, reporter } from '../finding.ts';
import { judgeSkew } from '../judge-skew.ts';
import type { Subject } from '../options.ts';
import { fieldsOf, type RedisServer, serversOf } from '../redis-server.ts';

/** Sharded pub/sub came with 7.0. */
const SHARDED_SINCE = 7;
/** Redis cuts a subscriber at 32 MB, or at 8 MB for a minute: less than a gateway may be behind after a pause. */
const PUBSUB_BUFFER = 64 * 2 ** 20;

/** Every Redis that parts of the cluster use: whether it is what they need. */
export async function checkRedis(subject: Subject): Promise<Finding[]> {
  const { redis } = subject;
  const report = reporter('redis');
  if (!redis) return [report.skipped('it is not known', 'set REDIS_URL (and the others) to those of the services')];
  try {
    const servers = await serversOf(redis);
    return (await Promise.all(servers.map((server) => checkServer(subject, redis.adapter, server)))).flat();
  } catch (error) {
    return [report.failed(reasonOf(error), 'check the URL, and that the sentinels answer')];
  }
}

async function checkServer(subject: Subject, adapter: string, server: RedisServer): Promise<Finding[]> {
  const named = (what: string) => reporter(`${what} of redis ${server.name}`);
  const asked = Date.now();
  let info: Record<string, string>;
  try {
    info = fieldsOf(await server.ask('INFO'));
  } catch (error) {
    const fix = 'start it, or correct the REDIS_… URL, its password and the network policies';
    return [named('reach').failed(`it does not answer: ${reasonOf(error)}`, fix)];
  }
  const answered = { from: Date.now(), time: (await server.ask('TIME')) as string[], to: Date.now() };
  const there = Number(answered.time[0]) * 1_000 + Number(answered.time[1]) / 1_000;
  return [
    named('reach').ok(`it answers within ${answered.from - asked} ms, and is for ${server.parts.join(', ')}`),
    judgeSkew(named('clock'), there, answered),
    judgeVersion(named('version'), info, adapter, server),
    ...judgeMode(named('mode'), info, server),
    ...(server.clustered ? [await judgeCluster(named('cluster'), server)] : []),
    ...(server.parts.includes('queue') ? await judgeQueue(subject, info, server, named) : []),
    ...(server.parts.includes('pubsub') ? await judgePubsub(named('subscribers'), server) : []),
  ];
}

type Report = ReturnType<typeof reporter>;
type Info = Record<string, string>;

function judgeVersion(report: Report, info: Info, adapter: string, { parts }: RedisServer): Finding {
  const version = info.valkey_version ?? info.redis_version ?? '?';
  const modern = Number.parseInt(version, 10) >= SHARDED_SINCE;
  if (adapter === 'sharded' && !modern && parts.includes('pubsub')) {
    return report.failed(
      `${version} has no sharded pub/sub`,
      'upgrade it to 7 or newer, or set REDIS_ADAPTER=classic everywhere',
    );
  }
  if (adapter === 'classic' && modern && parts.includes('pubsub')) {
    const fix = 'remove REDIS_ADAPTER=classic everywhere: sharded pub/sub reaches only gateways that hold the user';
    return report.warning(`${version} could do sharded pub/sub, but REDIS_ADAPTER is classic`, fix);
  }
  return report.ok(`${version}, and the adapter is ${adapter}`);
}

function judgeMode(report: Report, info: Info, { parts, clustered }: RedisServer): Finding[] {
  if (info.role === 'slave')
    return [report.failed('it is a replica and takes no writes', 'name the primary, or use redis+sentinel://')];
  const inCluster = info.cluster_enabled === '1';
  if (inCluster && parts.includes('queue')) {
    return [
      report.failed('lanes can not be on a Redis Cluster', 'give REDIS_QUEUE_URLS one or several single servers'),
    ];
  }
  if (inCluster && !clustered)
    return [report.failed('it is one of a Redis Cluster', 'name it as redis+cluster://… in REDIS_PUBSUB_URL')];
  if (clustered && !inCluster) return [report.failed('it is no Redis Cluster', 'name it as redis://…')];
  return [];
}

async function judgeCluster(report: Report, { ask }: RedisServer): Promise<Finding> {
  const info = fieldsOf(await ask('CLUSTER', 'INFO').catch((error: unknown) => `cluster_state:${reasonOf(error)}`));
  const slots = `${info.cluster_slots_ok ?? 0} of 16384 slots are served`;
  if (info.cluster_state === 'ok') return report.ok(slots);
  return report.failed(
    `its state is ${info.cluster_state}: ${slots}`,
    'bring the missing primaries back, or assign their slots',
  );
}

async function judgeQueue(
  subject: Subject,
  info: Info,
  server: RedisServer,
  named: (what: string) => Report,
): Promise<Finding[]> {
  const { maxmemory_policy: policy = '?', aof_enabled: aof, maxmemory = '0', used_memory: used = '0' } = info;
  const [eviction, persistence, lanes, workers] = ['eviction', 'persistence', 'lanes', 'workers'].map(named) as [
    Report,
    Report,
    Report,
    Report,
  ];
  const share = Number(maxmemory) === 0 ? 0 : Number(used) / Number(maxmemory);
  const queues = subject.redis?.queues.length ?? 1;
  const here = describeLayout({ lanes: subject.lanes, index: server.queueIndex, servers: queues });
  const layout = await server.ask('GET', 'chat:lanes');
  const there = server.queueIndex === 0 ? Number(await server.ask('ZCARD', 'chat:workers')) : 1;
  return [
    policy === 'noeviction'
      ? eviction.ok('it throws nothing away')
      : eviction.failed(
          `maxmemory-policy is ${policy}: it may throw accepted messages away`,
          'set maxmemory-policy noeviction',
        ),
    ...(share > 0.8
      ? [
          named('memory').failed(
            `${Math.round(share * 100)} % of maxmemory are used`,
            'raise maxmemory: a full Redis takes no messages',
          ),
        ]
      : []),
    aof === '1'
      ? persistence.ok('it writes an append-only file')
      : persistence.warning(
          'it has no append-only file: what waits in lanes is lost when it restarts',
          'set appendonly yes',
        ),
    layout === null || layout === here
      ? lanes.ok(layout === null ? 'nobody has used it yet' : `it was last used with ${here}`)
      : lanes.failed(
          `it was last used with ${layout}, and here it would be ${here}`,
          'make LANES and REDIS_QUEUE_URLS the same everywhere',
        ),
    ...(server.queueIndex > 0
      ? []
      : there > 0
        ? [workers.ok(`${there} ${there === 1 ? 'is' : 'are'} there`)]
        : [workers.failed('none is there: nothing is stored', 'start workers with the same REDIS_… and LANES')]),
  ];
}

async function judgePubsub(report: Report, { ask }: RedisServer): Promise<Finding[]> {
  // Hosted servers may not allow the question.
  const answer = await ask('CONFIG', 'GET', 'client-output-buffer-limit').catch(() => undefined);
  const limits = Array.isArray(answer)
    ? String(answer[1])
    : String((answer as Record<string, string>)?.['client-output-buffer-limit'] ?? '');
  const [, hard, soft] = /pubsub (\d+) (\d+)/.exec(limits) ?? [];
  if (hard === undefined) return [];
  if (Number(hard) === 0 || (Number(hard) >= PUBSUB_BUFFER && Number(soft) * 4 >= PUBSUB_BUFFER))
    return [report.ok('gateways may be behind for a moment')];
  const fix = 'set client-output-buffer-limit "pubsub 64mb 16mb 60"';
  return [report.warning('a gateway that is behind for a moment is cut, and all its sockets sync', fix)];
}
