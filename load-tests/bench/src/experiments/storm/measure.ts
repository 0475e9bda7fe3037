import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '@chat-cluster/local-cluster';
import { wholeNumber, withDeadline } from '@chat-cluster/runtime';
import { askRedis, watchPools } from '@chat-cluster/testkit';
import { measureCpu, residentBytes, startChild } from '@chat-cluster/testkit/processes';
import { z } from 'zod';
import { type RunningOurs, type Service, startOurs } from '../../arms/ours.ts';
import { createGroups, GROUP_SIZE, openConversations, planPairs, planUsers } from '../../arms/users.ts';
import type { Log } from '../../experiment.ts';
import type { PlannedPair } from '../../traffic/connection.ts';
import { latencyOf, type MeasuredMessages } from '../../traffic/measured-messages.ts';
import { startBystanders } from './bystanders.ts';
import type { CrowdMethods } from './crowd.ts';

export const STORM_OPTIONS = z.object({
  clients: wholeNumber(1).default(5_000).describe('clients of the gateway that is killed'),
  pairs: wholeNumber(1).default(25).describe('pairs of bystanders'),
  rate: wholeNumber(1)
    .default(50)
    .describe('messages a second of the bystanders to each other, and as many to the clients'),
  calm: wholeNumber(1).default(4).describe('seconds of traffic before the kill, and after all clients are back'),
  groups: wholeNumber(0).default(0).describe(`also groups of ${GROUP_SIZE} that each client is a member of`),
});

type StormOptions = z.output<typeof STORM_OPTIONS>;
export type StormFigures = Awaited<ReturnType<typeof measureStorm>>;

/** Time until all clients are in sync, in ms; beyond it something is broken, and no figure is of use. */
const IN_SYNC_WITHIN_MS = 60_000;
const CONNECTED_WITHIN_MS = 120_000;

/**
 * A storm of reconnects: one of two gateways is killed with SIGKILL, and its clients connect to the other one.
 *
 *   N clients on A, bystanders on B ─▶ traffic ─▶ kill A ─▶ … all clients in sync on B ─▶ traffic ─▶ count
 *
 * A client is in sync when it is connected, has its session and its badge, and the `sync` that it sends after each
 * connect is answered. Bystanders write to the crowd all the time: a client receives some of these messages as events,
 * some in the answer to its `sync`. Clients have the back-off of stock ones, and nothing is between them and the
 * gateways.
 */
export async function measureStorm(options: StormOptions, log: Log) {
  const { clients, rate, calm, groups } = options;
  await using undo = new AsyncDisposableStack();
  const cluster = await startOurs({ pairs: 0, idle: 0, log, onUnexpectedExit: log }, undo);
  const [survivor, doomed] = cluster.gateways as [Service, Service];
  log(`connecting ${clients} clients`);
  const [bystanderPairs, crowdPairs] = await planConversations(options, survivor, cluster.jwtSecret);
  await using crowd = startChild<CrowdMethods>(join(import.meta.dirname, 'crowd.ts'));
  const users = crowdPairs.map(({ conversationId, devices: [{ user, token }] }) => ({ user, token, conversationId }));
  await withDeadline(crowd.call('connect', { url: doomed.url, users }), CONNECTED_WITHIN_MS, 'connecting the crowd');
  await using bystanders = await startBystanders(bystanderPairs, crowdPairs, rate);
  await delay(calm * 1_000);
  const stopWatching = await watchSurvivor(survivor, doomed, cluster, crowd.pid);
  log('killing the gateway');
  const reconnected = crowd.call('moveTo', survivor.url);
  const killedAt = performance.now();
  doomed.kill?.();
  const inSyncAt = await withDeadline(reconnected, IN_SYNC_WITHIN_MS, 'bringing the crowd back in sync');
  const inSyncMs = inSyncAt.map((epoch) => epoch - performance.timeOrigin - killedAt);
  const usage = await stopWatching();
  const channels = (await askRedis(cluster.redisUrl, 'PUBSUB', 'SHARDCHANNELS')) as string[];
  const allBackAt = killedAt + Math.max(...inSyncMs);
  await delay(calm * 1_000);
  const { outcome, measured, sentToCrowd, notAcknowledged } = await bystanders.stop();
  const { lost, counts, wrongBadges } = await crowd.call('settle', sentToCrowd);
  return {
    clients,
    groups,
    // Rooms and other sharded channels that the survivor subscribes to.
    channels: channels.length,
    // Times are in ms. The maximum is that of all clients.
    inSync: latencyOf(inSyncMs),
    ...counts,
    duplicates: counts.duplicates + outcome.duplicated,
    // Messages that were acknowledged to their sender and did not arrive.
    lost: lost + outcome.lost,
    reordered: outcome.reordered,
    wrongBadges,
    sentToCrowd: sentToCrowd.reduce((sum, count) => sum + count, 0),
    notAcknowledged,
    bystanders: {
      before: phase(measured, 0, killedAt),
      during: phase(measured, killedAt, allBackAt),
      after: phase(measured, allBackAt, Infinity),
    },
    ...usage,
  };
}

/** Pairs of bystanders, and the clients of the crowd, each with the bystander that writes to it. Creates the groups. */
async function planConversations({ clients, pairs, groups }: StormOptions, { url }: Service, jwtSecret: string) {
  const tokenOf = (user: string) => signToken(user, jwtSecret);
  const bystanders = planPairs(pairs, [{ url }], tokenOf);
  const devices = planUsers('crowd', clients, [{ url }], tokenOf);
  const crowd = devices.map((device, i): PlannedPair => {
    const [sender] = (bystanders[i % pairs] as PlannedPair).devices;
    return { conversationId: '', devices: [device, sender] };
  });
  await openConversations([...bystanders, ...crowd], jwtSecret);
  if (groups > 0) await createGroups({ url, jwtSecret }, devices, groups);
  return [bystanders, crowd] as const;
}

/** Messages of the bystanders due from `from` to `to`. A refused or lost message has an infinite latency. */
function phase(measured: MeasuredMessages, from: number, to: number) {
  const { ackMs, deliveryMs } = measured.between(from, to);
  return { messages: ackMs.length, ack: latencyOf(ackMs), delivery: latencyOf(deliveryMs) };
}

/** Watches the CPU of all processes that remain, and the memory and the Postgres connections of the survivor. */
async function watchSurvivor(survivor: Service, doomed: Service, cluster: RunningOurs, crowdPid: number) {
  const pools = await watchPools(cluster.databaseUrl, [survivor]);
  const remaining = cluster.processes.filter(({ pid }) => pid !== doomed.pid);
  const cpuUsed = await measureCpu([...remaining, { name: 'crowd', pid: crowdPid }]);
  return async () => {
    const cpuSeconds = await cpuUsed();
    await pools.stop();
    const rssPeakMb = (await residentBytes(survivor.pid, 'VmHWM')) / 1_024 ** 2;
    return { cpuSeconds, rssPeakMb, postgresConnections: pools.peaks.get(survivor.name) ?? 0 };
  };
}
