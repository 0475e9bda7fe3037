/*
 * A storm of reconnects: every client of a gateway that was killed comes back to the other one.
 *
 *   start ─▶ N clients on A, bystanders on B ─▶ they talk ─▶ kill -9 A ─▶ … all back on B, in sync ─▶ they talk on ─▶ count
 *
 * In sync means: connected, with session and badge, and the `sync` that each sends after its connect is answered.
 * Bystanders write to the crowd all the while, so some of what the crowd holds in the end it has heard before, some with
 * `sync`, some after. The clients are lean (lean-client.ts of the testkit) with the back-off of stock ones; nothing is between them
 * and the gateways.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { newUser, openConversation, type Target, tokenFor } from '@chat-cluster/testkit';
import { type Correspondence, gatherBystanders, type Sample, Talk } from './bystanders.ts';
import { startCrowd } from './crowd.ts';
import type { CrowdCounts, CrowdUser } from './crowd-client.ts';
import { startStormCluster } from './processes.ts';
import { type Usage, watchUsage } from './usage.ts';

export interface StormOptions {
  clients: number;
  /** Pairs of bystanders, and their messages a second: so many among each other, and so many to the crowd. */
  pairs: number;
  perSecond: number;
  /** Seconds of talk before the kill, and after all are back. */
  calmSeconds: number;
  /** Added to the environment of gateways and worker. */
  env: NodeJS.ProcessEnv;
  log(line: string): void;
}

export interface Spread {
  p50: number;
  p99: number;
  max: number;
}

/** Milliseconds, unless said otherwise. */
export interface StormFigures extends CrowdCounts, Usage {
  clients: number;
  /** From the kill until a client is in sync; `max`: all of them. */
  inSync: Spread;
  /** Messages acknowledged to their sender that a client of the crowd does not hold, and wrong badges. */
  lost: number;
  wrongBadges: number;
  /** Messages that bystanders sent to the crowd, acknowledged. */
  sentToCrowd: number;
  /** Of all they sent, what was not acknowledged, by code. */
  notAcknowledged: Record<string, number>;
  bystanders: Record<'before' | 'during' | 'after', { messages: number; ack: Spread; delivery: Spread }>;
}

/** A minute: past it something is wrong, and no figure helps. */
const IN_SYNC_WITHIN_MS = 60_000;
const CONNECTED_WITHIN_MS = 120_000;

export async function runStorm(options: StormOptions): Promise<StormFigures> {
  const { clients, pairs, perSecond, calmSeconds, log } = options;
  await using cluster = await startStormCluster(options.env);
  const at = (port: number): Target => ({ url: `http://127.0.0.1:${port}`, jwtSecret: cluster.jwtSecret });
  const survivor = cluster.survivor.ready().port;
  const bystanders = await gatherBystanders(at(survivor), pairs);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => {
    for (const device of bystanders.flatMap(({ devices }) => devices)) device.close();
  });
  log(`${clients} clients make their conversations`);
  const [users, correspondences] = await introduce(
    at(survivor),
    clients,
    bystanders.map(({ devices }) => devices[0]),
  );
  log('they connect');
  await using crowd = startCrowd(cluster.doomed.ready().port, users);
  await crowd.inSync(CONNECTED_WITHIN_MS);

  const talk = new Talk(bystanders, correspondences, perSecond);
  await delay(calmSeconds * 1_000);
  const processes = [...cluster.processes, { name: 'crowd', pid: crowd.pid }];
  await using usage = await watchUsage({
    processes,
    gateway: { name: cluster.survivor.name, pid: cluster.survivor.pid() },
    databaseUrl: cluster.databaseUrl,
  });
  log('the gateway is killed');
  crowd.goTo(survivor);
  const killedAt = performance.now();
  cluster.doomed.kill();
  const backAt = (await crowd.inSync(IN_SYNC_WITHIN_MS)).map((epoch) => epoch - performance.timeOrigin - killedAt);
  const used = await usage.stop();
  const allBackAt = killedAt + Math.max(...backAt);
  await delay(calmSeconds * 1_000);
  const samples = await talk.stop();
  const settled = await crowd.settle(talk.sentTo);
  return {
    clients,
    inSync: spread(backAt),
    ...settled.counts,
    lost: settled.lost,
    wrongBadges: settled.wrongBadges,
    sentToCrowd: talk.sentTo.reduce((sum, count) => sum + count, 0),
    notAcknowledged: Object.fromEntries(talk.refused),
    bystanders: {
      before: summary(samples.filter((sample) => sample.at < killedAt)),
      during: summary(samples.filter((sample) => sample.at >= killedAt && sample.at <= allBackAt)),
      after: summary(samples.filter((sample) => sample.at > allBackAt)),
    },
    ...used,
  };
}

/** So many conversations are made at a time. */
const AT_ONCE = 16;

/** The users of the crowd, each with a conversation in which one of the senders, in turn, will write to it. */
async function introduce(
  target: Target,
  count: number,
  senders: readonly Correspondence['sender'][],
): Promise<[CrowdUser[], Correspondence[]]> {
  const users: CrowdUser[] = [];
  const correspondences: Correspondence[] = [];
  const lane = async (first: number) => {
    for (let i = first; i < count; i += AT_ONCE) {
      const userId = newUser('crowd');
      const sender = senders[i % senders.length] as Correspondence['sender'];
      const conversationId = await openConversation(target, userId, sender.userId);
      users[i] = { userId, conversationId, token: tokenFor(target, userId) };
      correspondences[i] = { sender, conversationId };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => lane(i)));
  return [users, correspondences];
}

function summary(samples: readonly Sample[]) {
  return {
    messages: samples.length,
    ack: spread(samples.map(({ ackMs }) => ackMs)),
    delivery: spread(samples.map(({ deliveryMs }) => deliveryMs)),
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const of = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: of(0.5), p99: of(0.99), max: of(1) };
}
