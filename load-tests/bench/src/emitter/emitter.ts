/*
 * Who should publish for the worker: the emitter of packages/redis (fanout.ts), or a Socket.IO server without clients,
 * whose adapter publishes?
 *
 *   publisher (one process per arm; its CPU is what counts) ──▶ Redis ──▶ as many subscribers as gateways, in this process
 *
 * The arms take turns in slices, everything else stays up.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userId } from '@chat-cluster/contracts';
import { startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { EVERY_GATEWAY, roomChannel } from '@chat-cluster/redis';
import { createClient } from 'redis';
import { cpuSeconds } from '../cpu.ts';
import type { Experiment } from '../experiment.ts';
import { readNumbers } from '../options.ts';
import { reportEmitters } from './report.ts';
import { ARMS, type Arm, type EmitterOptions, type Figure, LOADS, type Slice, type SliceCost } from './slices.ts';

const HELP = `npm run bench -- emitter [options]

What publishing costs the worker: its own emitter against a Socket.IO server without clients and its sharded adapter.
Each message goes to two users, in batches of 1, 20 and 100. "loop alone" is the same process when it publishes nothing.

  --gateways N   subscribers (8)
  --users N      rooms, spread over them (200)
  --rounds N     counted, after one that is not (5)
  --seconds N    of each slice (3)
  --save         write load-tests/results
`;

export const emitter: Experiment = {
  name: 'emitter',
  about: "what publishing costs the worker: its emitter against Socket.IO's own server",
  help: HELP,
  run: async (args, say) => {
    const options = readNumbers(args, { gateways: 8, users: 200, rounds: 5, seconds: 3 }, 1);
    return reportEmitters(options, await measureEmitters(options, say));
  },
};

export async function measureEmitters(options: EmitterOptions, say: (line: string) => void): Promise<Figure[]> {
  await using undo = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'chat-bench-'));
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const redis = await startRedis({ dataDir, toolsDir: toolsFolder, log: say });
  undo.defer(() => redis.stop());
  const users = Array.from({ length: options.users }, (_, i) => userId.parse(`user-${i}`));
  const hearing = await subscribe(redis.url, users, options.gateways, undo);
  const publishers = new Map<Arm, ChildProcess>();
  for (const arm of ARMS) publishers.set(arm, await startPublisher(arm, redis.url, undo));

  const figures: Figure[] = [];
  for (let round = 0; round <= options.rounds; round++) {
    for (const load of LOADS) {
      const slice = { ...load, batches: Math.ceil((options.seconds * 1_000) / load.everyMs), users };
      for (const arm of round % 2 === 0 ? ARMS : ARMS.toReversed()) {
        const cost = await runSlice(publishers.get(arm), slice, redis.pid, hearing);
        figures.push({ arm, entries: load.entries, round, ...cost });
      }
    }
    say(`round ${round} of ${options.rounds}${round === 0 ? ' (warm-up, not counted)' : ''}`);
  }
  return figures.filter(({ round }) => round > 0);
}

/** Each of so many connections hears the channels of a gateway: that of all, and those of its share of the users. */
async function subscribe(url: string, users: readonly string[], gateways: number, undo: AsyncDisposableStack) {
  const hearing = { count: 0 };
  const hear = () => {
    hearing.count++;
  };
  for (let i = 0; i < gateways; i++) {
    const client = createClient({ url });
    undo.defer(() => client.destroy());
    await client.connect();
    const mine = users.filter((_, k) => k % gateways === i);
    await client.sSubscribe([EVERY_GATEWAY, ...mine.map(roomChannel)], hear, true);
  }
  return hearing;
}

async function startPublisher(arm: Arm, url: string, undo: AsyncDisposableStack): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'publisher.ts'), [arm], { env: { ...process.env, REDIS_URL: url } });
  undo.defer(async () => {
    if (child.exitCode !== null) return;
    child.disconnect();
    await once(child, 'exit');
  });
  await answerOf(child);
  return child;
}

async function runSlice(
  child: ChildProcess | undefined,
  slice: Slice,
  redisPid: number,
  hearing: { count: number },
): Promise<Omit<Figure, 'arm' | 'entries' | 'round'>> {
  if (!child) throw new Error('no publisher');
  const redisCpu = async () => (await cpuSeconds([{ name: 'redis', pid: redisPid }])).get('redis') ?? 0;
  const [heardBefore, redisBefore] = [hearing.count, await redisCpu()];
  const answer = answerOf(child);
  child.send(slice);
  const { cpuMicroseconds } = (await answer) as SliceCost;
  const messages = slice.batches * slice.entries;
  return {
    publisherCpu: cpuMicroseconds / messages,
    redisCpu: (((await redisCpu()) - redisBefore) * 1e6) / messages,
    heard: (hearing.count - heardBefore) / messages,
  };
}

/** Its next message. Rejects when it ends before. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const done = new AbortController();
  const { signal } = done;
  const ended = async () => {
    const [code] = await once(child, 'exit', { signal });
    throw new Error(`a publisher ended with ${code}`);
  };
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal }), ended()])) as unknown[];
    return answer;
  } finally {
    done.abort();
  }
}
