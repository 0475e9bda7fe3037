import { reasonOf } from '@chat-cluster/runtime';
import { skewFinding } from '../clock-skew.ts';
import { type Finding, type Reporter, reporter } from '../finding.ts';
import type { Deployment } from '../options.ts';
import { fieldsOf, listRedisServers, type RedisFields, type RedisServer } from '../redis-server.ts';
import { checkQueueServer } from './redis-queue.ts';

/** First major version with sharded pub/sub. */
const SHARDED_SINCE = 7;
/**
 * Smallest output buffer of a pub/sub connection, in bytes. The default of Redis (32 MB, or 8 MB for 60 s) is less
 * than the backlog of a gateway after a pause.
 */
const PUBSUB_BUFFER_BYTES = 64 * 2 ** 20;

/** Checks each Redis server of the deployment for its purposes. */
export async function checkRedis(deployment: Deployment): Promise<Finding[]> {
  const { redis } = deployment;
  const report = reporter('redis');
  if (!redis) {
    const fix = 'set REDIS_URL and the other REDIS_… settings to the values that the services use';
    return [report.skipped('its address is unknown', fix)];
  }
  try {
    const servers = await listRedisServers(redis);
    return (await Promise.all(servers.map((server) => checkServer(deployment, redis.adapter, server)))).flat();
  } catch (error) {
    return [report.failed(reasonOf(error), 'correct the URL, and check that the sentinels respond')];
  }
}

async function checkServer(deployment: Deployment, adapter: string, server: RedisServer): Promise<Finding[]> {
  const reportOn = (check: string) => reporter(`${check} of redis ${server.name}`);
  const started = Date.now();
  let info: RedisFields;
  try {
    info = fieldsOf(await server.send('INFO'));
  } catch (error) {
    const fix = 'start Redis, or correct the REDIS_… URL, its password or the network policies';
    return [reportOn('connection').failed(`it does not respond: ${reasonOf(error)}`, fix)];
  }
  const from = Date.now();
  const [seconds, microseconds] = (await server.send('TIME')) as string[];
  const time = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  const purposes = server.purposes.join(', ');
  return [
    reportOn('connection').ok(`it responds within ${from - started} ms (used for: ${purposes})`),
    skewFinding(reportOn('clock'), time, { from, to: Date.now() }),
    versionFinding(reportOn('version'), info, adapter, server),
    ...modeFindings(reportOn('mode'), info, server),
    ...(await addressFindings(reportOn('address'), info, server)),
    ...(server.inClusterUrl ? [await clusterFinding(reportOn('cluster'), server)] : []),
    ...(server.purposes.includes('queue') ? await checkQueueServer(deployment, info, server, reportOn) : []),
    ...(server.purposes.includes('pubsub') ? await outputBufferFindings(reportOn('subscribers'), server) : []),
  ];
}

function versionFinding(report: Reporter, info: RedisFields, adapter: string, { purposes }: RedisServer): Finding {
  const version = info.valkey_version ?? info.redis_version ?? '?';
  const hasShardedPubsub = Number.parseInt(version, 10) >= SHARDED_SINCE;
  if (adapter === 'sharded' && !hasShardedPubsub && purposes.includes('pubsub')) {
    return report.failed(
      `version ${version} has no sharded pub/sub`,
      'upgrade Redis to version 7 or newer, or set REDIS_ADAPTER=classic in all services',
    );
  }
  if (adapter === 'classic' && hasShardedPubsub && purposes.includes('pubsub')) {
    const fix =
      'remove REDIS_ADAPTER=classic from all services: sharded pub/sub only reaches gateways that hold the user';
    return report.warning(`version ${version} supports sharded pub/sub, but REDIS_ADAPTER is classic`, fix);
  }
  return report.ok(`version ${version}, with the ${adapter} adapter`);
}

function modeFindings(report: Reporter, info: RedisFields, { purposes, inClusterUrl }: RedisServer): Finding[] {
  if (info.role === 'slave') {
    return [
      report.failed('it is a replica and rejects writes', 'use the URL of the primary, or a redis+sentinel:// URL'),
    ];
  }
  const inCluster = info.cluster_enabled === '1';
  if (inCluster && purposes.includes('queue')) {
    const fix = 'set REDIS_QUEUE_URLS to one or more servers that are not in a Redis Cluster';
    return [report.failed('lanes cannot be stored in a Redis Cluster', fix)];
  }
  if (inCluster && !inClusterUrl) {
    return [report.failed('it belongs to a Redis Cluster', 'use a redis+cluster:// URL in REDIS_PUBSUB_URL')];
  }
  if (inClusterUrl && !inCluster) return [report.failed('it is not a Redis Cluster', 'use a redis:// URL')];
  return [];
}

/** Connections to ask: enough to notice an address that leads to several servers in turn. */
const ADDRESS_CONNECTIONS = 3;

/** Asks over further connections: all must lead to the same server. */
async function addressFindings(report: Reporter, info: RedisFields, { send }: RedisServer): Promise<Finding[]> {
  const servers = new Set([info.run_id]);
  for (let i = 0; i < ADDRESS_CONNECTIONS; i++) servers.add(fieldsOf(await send('INFO', 'server')).run_id);
  if (servers.size === 1) return [];
  const found = `its address leads to ${servers.size} different servers: each has a part of the data`;
  return [report.failed(found, 'let the address lead to the primary only, or give each part its own address')];
}

async function clusterFinding(report: Reporter, { send }: RedisServer): Promise<Finding> {
  const info = fieldsOf(await send('CLUSTER', 'INFO').catch((error: unknown) => `cluster_state:${reasonOf(error)}`));
  const slots = `${info.cluster_slots_ok ?? 0} of 16384 slots are served`;
  if (info.cluster_state === 'ok') return report.ok(slots);
  return report.failed(
    `the cluster state is ${info.cluster_state}: ${slots}`,
    'restart the missing primaries, or assign their slots to other servers',
  );
}

async function outputBufferFindings(report: Reporter, { send }: RedisServer): Promise<Finding[]> {
  // Hosted servers may reject CONFIG.
  const response = await send('CONFIG', 'GET', 'client-output-buffer-limit').catch(() => undefined);
  const limits = Array.isArray(response)
    ? String(response[1])
    : String((response as Record<string, string>)?.['client-output-buffer-limit'] ?? '');
  const [, hard, soft] = /pubsub (\d+) (\d+)/.exec(limits) ?? [];
  if (hard === undefined) return [];
  if (Number(hard) === 0 || (Number(hard) >= PUBSUB_BUFFER_BYTES && Number(soft) * 4 >= PUBSUB_BUFFER_BYTES)) {
    return [report.ok('the output buffer is large enough for a gateway that lags for a moment')];
  }
  const fix = 'set client-output-buffer-limit "pubsub 64mb 16mb 60"';
  const found =
    'the output buffer of a subscriber is below 64 MB: Redis disconnects a gateway that lags for a moment, and all its sockets must sync';
  return [report.warning(found, fix)];
}
