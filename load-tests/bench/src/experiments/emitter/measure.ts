import { join } from 'node:path';
import { userId } from '@chat-cluster/contracts';
import { startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { EVERY_GATEWAY, roomChannel } from '@chat-cluster/redis';
import { wholeNumber } from '@chat-cluster/runtime';
import { temporaryFolder } from '@chat-cluster/testkit';
import { measureCpu, startChild } from '@chat-cluster/testkit/processes';
import { createClient } from 'redis';
import { z } from 'zod';
import type { Log } from '../../experiment.ts';
import type { PublisherMethods } from './publisher.ts';

/** `emitter`: packages/redis. `server`: a Socket.IO server without clients. `loop alone`: publishes nothing. */
export const ARMS = ['emitter', 'server', 'loop alone'] as const;
export type Arm = (typeof ARMS)[number];

/** Batches as they are in an idle, a busy and a saturated cluster, at a rate that leaves the machine idle time. */
export const LOADS = [
  { entries: 1, everyMs: 2 },
  { entries: 20, everyMs: 10 },
  { entries: 100, everyMs: 25 },
];

export const EMITTER_OPTIONS = z.object({
  gateways: wholeNumber(1).default(8).describe('subscribers'),
  users: wholeNumber(200)
    .default(200)
    .describe('rooms, spread over the subscribers; at least two for each message of a batch'),
  rounds: wholeNumber(1).default(5).describe('rounds, after one that is not counted'),
  seconds: wholeNumber(1).default(3).describe('duration of each slice'),
});
export type EmitterOptions = z.output<typeof EMITTER_OPTIONS>;

/** One arm in one slice; `entries`: messages per batch. */
export type Sample = Awaited<ReturnType<typeof measureEmitter>>[number];

/**
 * Measures the alternatives for publishing from the worker:
 *
 *   publisher (one process per arm; its CPU is the figure) ──▶ Redis ──▶ one subscriber per gateway, in this process
 *
 * The arms take turns in slices; everything else stays up.
 */
export async function measureEmitter(options: EmitterOptions, log: Log) {
  await using undo = new AsyncDisposableStack();
  const redis = await startRedis({ dataDir: undo.use(temporaryFolder()).path, toolsDir: toolsFolder, log });
  undo.defer(() => redis.stop());
  const users = Array.from({ length: options.users }, (_, i) => userId.parse(`user-${i}`));
  const countReceived = await subscribe(redis.url, users, options.gateways, undo);
  const publishers = ARMS.map((arm) => {
    const file = join(import.meta.dirname, 'publisher.ts');
    return { arm, child: undo.use(startChild<PublisherMethods>(file, { args: [arm], env: { REDIS_URL: redis.url } })) };
  });
  const samples = [];
  for (let round = 0; round <= options.rounds; round++) {
    for (const { entries, everyMs } of LOADS) {
      const batches = Math.ceil((options.seconds * 1_000) / everyMs);
      const messages = batches * entries;
      for (const { arm, child } of round % 2 === 0 ? publishers : publishers.toReversed()) {
        const before = countReceived();
        const cpuUsed = await measureCpu([{ name: 'redis', pid: redis.pid }]);
        // Microseconds per message.
        const publisherCpu = (await child.call('publish', { entries, everyMs, batches, users })) / messages;
        const redisCpu = (((await cpuUsed()).redis ?? 0) * 1e6) / messages;
        // Adapter messages that subscribers received, per message: two, one for each user.
        const received = (countReceived() - before) / messages;
        samples.push({ arm, entries, round, publisherCpu, redisCpu, received });
      }
    }
    log(`round ${round} of ${options.rounds}${round === 0 ? ' (warm-up, not counted)' : ''}`);
  }
  return samples.filter(({ round }) => round > 0);
}

/** Each subscriber has the channels of a gateway: that of all gateways, and those of its share of the users. */
async function subscribe(url: string, users: readonly string[], gateways: number, undo: AsyncDisposableStack) {
  let received = 0;
  for (let i = 0; i < gateways; i++) {
    const client = createClient({ url });
    undo.defer(() => client.destroy());
    await client.connect();
    const channels = [EVERY_GATEWAY, ...users.filter((_, k) => k % gateways === i).map(roomChannel)];
    await client.sSubscribe(channels, () => received++, true);
  }
  return () => received;
}
