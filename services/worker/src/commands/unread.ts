import type { UserId } from '@chat-cluster/contracts';
import {
  boundedSlice,
  type Counter,
  type CounterKey,
  type Drift,
  findDrift,
  healDrift,
  type RecountRequests,
  type UnreadAudit,
} from '@chat-cluster/domain';
import { createUnreadAudit, openForCommand } from '@chat-cluster/postgres';
import { createRecountRequests } from '@chat-cluster/queue';
import { connectRedis, disconnectRedis } from '@chat-cluster/redis';
import {
  commonConfig,
  createLogger,
  parseConfig,
  parseOptions,
  redisConfig,
  redisServers,
  runMain,
  withDeadline,
} from '@chat-cluster/runtime';
import { z } from 'zod';
import { workerSettings } from '../config.ts';

const HELP = `unread audit [--fix] [--user <id>]… [--json]: compares unread counters with their messages.

Prints each wrong counter: user, conversation, counter, truth.
  --fix     fixes wrong counters and notifies the devices of their users (a worker must be running)
  --user    only the counters of this user; may be repeated

Exit code 1: a counter was wrong and is not fixed. Safe at any time: it takes no lock while it counts.
Environment: DATABASE_URL, and with --fix REDIS_URL and RECOUNT_LANES (2); npm run unread takes them from the
environment, otherwise from the cluster that runs on DATA_DIR.
`;

const optionsSchema = z.object({
  fix: z.boolean().default(false),
  json: z.boolean().default(false),
  user: z.array(z.string()).default([]),
});

/** Counters read at a time. */
const PAGE = 1_000;
const CONNECT_MS = 5_000;
const PROGRESS_MS = 1_000;

await runMain(async () => {
  const parsed = parseOptions(process.argv.slice(2), optionsSchema, { positionals: true });
  if (parsed?.positionals[0] !== 'audit') {
    process.stdout.write(HELP);
    process.exitCode = parsed?.positionals.length ? 1 : 0;
    return;
  }
  const { values } = parsed;
  const { DATABASE_URL } = parseConfig(commonConfig.pick({ DATABASE_URL: true }), process.env);
  await using open = new AsyncDisposableStack();
  const recounts = values.fix ? await openRecounts(open) : undefined;
  const db = await openForCommand(DATABASE_URL, 'chat-unread');
  open.defer(() => db.destroy());
  process.exitCode = (await auditAll(createUnreadAudit(db), recounts, values)) ? 0 : 1;
});

async function openRecounts(open: AsyncDisposableStack): Promise<RecountRequests> {
  const config = parseConfig(redisConfig.extend({ RECOUNT_LANES: workerSettings.shape.RECOUNT_LANES }), process.env);
  const logger = createLogger({ name: 'unread', level: 'silent', format: 'json' });
  const servers = await Promise.all(
    redisServers(config).queues.map(async (url) => {
      const client = await withDeadline(connectRedis(url, 'produce', logger), CONNECT_MS, 'redis');
      return { client: open.adopt(client, disconnectRedis) };
    }),
  );
  const requests = createRecountRequests(servers, config.RECOUNT_LANES);
  return open.adopt(requests, (made) => made.close());
}

/** Resolves with true when no counter is wrong, or all wrong ones are corrected. */
async function auditAll(
  audit: UnreadAudit,
  recounts: RecountRequests | undefined,
  { user, json }: { user: string[]; json: boolean },
): Promise<boolean> {
  const drifts: (CounterKey & { counter: number; truth: number; fixed: boolean })[] = [];
  let checked = 0;
  let progressAt = performance.now();
  for await (const counters of slicesOf(audit, user as UserId[])) {
    const found = await findDrift(audit, counters);
    const corrected = recounts && found.length > 0 ? await correct(audit, recounts, found) : new Set<string>();
    for (const drift of found) {
      const { userId, conversationId, unreadCount: counter, truth } = drift;
      const fixed = corrected.has(keyOf(drift));
      drifts.push({ userId, conversationId, counter, truth, fixed });
      if (!json) print(`${fixed ? '✔' : '✖'} ${userId}  ${conversationId}  counter ${counter}, truth ${truth}`);
    }
    checked += counters.length;
    if (performance.now() - progressAt < PROGRESS_MS) continue;
    progressAt = performance.now();
    process.stderr.write(`… ${checked} counters checked, ${drifts.length} wrong\n`);
  }
  const left = drifts.filter((drift) => !drift.fixed).length;
  const fixed = drifts.length - left;
  if (json) print(JSON.stringify({ checked, drifted: drifts.length, fixed, drifts }, null, 2));
  else print(`${checked} counters checked, ${drifts.length} wrong, ${fixed} fixed`);
  return left === 0;
}

/** Corrects counters and requests their recounts. Resolves with the keys of those that are right afterwards. */
async function correct(audit: UnreadAudit, recounts: RecountRequests, drifts: Drift[]): Promise<Set<string>> {
  const badges = drifts.map(({ userId, conversationId }) => ({ userId, conversationId }));
  const { left } = await healDrift(audit, drifts);
  await recounts.request(badges);
  return new Set(drifts.map(keyOf)).difference(new Set(left.map(keyOf)));
}

function keyOf({ conversationId, userId }: CounterKey): string {
  return conversationId + userId;
}

/** All counters slice by slice: those of `users`, or of every user if it is empty. */
async function* slicesOf(audit: UnreadAudit, users: readonly UserId[]): AsyncGenerator<Counter[]> {
  const readers = users.map((user) => (last?: Counter) => audit.ofUser(user, last?.conversationId, PAGE));
  for (const read of users.length > 0 ? readers : [(last?: Counter) => audit.after(last, PAGE)]) {
    for (let last: Counter | undefined; ; ) {
      const counters = boundedSlice(await read(last));
      last = counters.at(-1);
      if (!last) break;
      yield counters;
    }
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
