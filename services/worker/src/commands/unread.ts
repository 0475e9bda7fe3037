import { parseArgs } from 'node:util';
import type { UserId } from '@chat-cluster/contracts';
import {
  boundedSlice,
  type Counter,
  type Drift,
  findDrift,
  healDrift,
  type RecountRequests,
  type UnreadAudit,
} from '@chat-cluster/domain';
import { createUnreadAudit, openDatabase } from '@chat-cluster/postgres';
import { createRecountRequests, queueServer } from '@chat-cluster/queue';
import { connectRedis, disconnectRedis } from '@chat-cluster/redis';
import {
  commonConfig,
  createLogger,
  integer,
  parseConfig,
  redisConfig,
  redisServers,
  runMain,
  withDeadline,
} from '@chat-cluster/runtime';

const HELP = `unread audit [--fix] [--user <id>]… [--json]: compares every unread counter with its messages.

Prints each counter that is wrong: user, conversation, counter, truth.
  --fix     heals them, and has the devices of their users told (needs a worker to run)
  --user    only the counters of this user; may be given again

Exit code 1: a counter was wrong and is not healed. Safe at any time: it takes no lock while it counts.
Environment: DATABASE_URL, and with --fix REDIS_URL and RECOUNT_LANES (2); npm run unread takes them from the
environment, else from the cluster that runs on DATA_DIR.
`;

const PAGE = 1_000;
const CONNECT_MS = 5_000;
const PROGRESS_MS = 1_000;

await runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      fix: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      user: { type: 'string', multiple: true, default: [] },
    },
  });
  if (values.help || positionals[0] !== 'audit') {
    process.stdout.write(HELP);
    process.exitCode = values.help || positionals.length === 0 ? 0 : 1;
    return;
  }
  const { DATABASE_URL } = parseConfig(commonConfig.pick({ DATABASE_URL: true }), process.env);
  await using open = new AsyncDisposableStack();
  const recounts = values.fix ? await openRecounts(open) : undefined;
  const db = openDatabase({ url: DATABASE_URL, poolSize: 1, applicationName: 'chat-unread', onError: () => {} });
  open.defer(() => db.destroy());
  process.exitCode = (await auditAll(createUnreadAudit(db), recounts, values)) ? 0 : 1;
});

async function openRecounts(open: AsyncDisposableStack): Promise<RecountRequests> {
  const config = parseConfig(redisConfig.extend({ RECOUNT_LANES: integer(1, 64, 2) }), process.env);
  const logger = createLogger({ name: 'unread', level: 'silent', format: 'json' });
  const servers = await Promise.all(
    redisServers(config).queues.map(async (url) => {
      const client = await withDeadline(connectRedis(url, 'produce', logger), CONNECT_MS, 'redis');
      return queueServer(open.adopt(client, disconnectRedis));
    }),
  );
  const requests = createRecountRequests(servers, config.RECOUNT_LANES);
  return open.adopt(requests, (made) => made.close());
}

/** Resolves true when no counter is wrong, or none is any more. */
async function auditAll(
  audit: UnreadAudit,
  recounts: RecountRequests | undefined,
  { user, json }: { user: string[]; json: boolean },
): Promise<boolean> {
  const drifts: (Drift & { fixed: boolean })[] = [];
  let checked = 0;
  let told = performance.now();
  for await (const counters of user.length > 0 ? ofUsers(audit, user as UserId[]) : ofEverybody(audit)) {
    const found = await findDrift(audit, counters);
    const fixed = recounts && found.length > 0 ? await fix(audit, recounts, found) : new Set<string>();
    const judged = found.map((drift) => ({ ...drift, fixed: fixed.has(drift.conversationId + drift.userId) }));
    if (!json) for (const drift of judged) print(lineOf(drift));
    drifts.push(...judged);
    checked += counters.length;
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    process.stderr.write(`… ${checked} counters checked, ${drifts.length} wrong\n`);
  }
  const left = drifts.filter((drift) => !drift.fixed).length;
  if (json)
    print(
      JSON.stringify(
        { checked, drifted: drifts.length, fixed: drifts.length - left, drifts: drifts.map(shown) },
        null,
        2,
      ),
    );
  else print(`${checked} counters checked, ${drifts.length} wrong, ${drifts.length - left} fixed`);
  return left === 0;
}

/** Heals, then asks for recounts; resolves with the keys of those that are right now. */
async function fix(audit: UnreadAudit, recounts: RecountRequests, drifts: Drift[]): Promise<Set<string>> {
  const badges = drifts.map(({ userId, conversationId }) => ({ userId, conversationId }));
  const { left } = await healDrift(audit, drifts);
  await recounts.request(badges);
  const unhealed = new Set(left.map(({ conversationId, userId }) => conversationId + userId));
  return new Set(
    drifts.map(({ conversationId, userId }) => conversationId + userId).filter((key) => !unhealed.has(key)),
  );
}

async function* ofEverybody(audit: UnreadAudit): AsyncGenerator<Counter[]> {
  for (let last: Counter | undefined; ; ) {
    const counters = boundedSlice(await audit.after(last, PAGE));
    last = counters.at(-1);
    if (!last) return;
    yield counters;
  }
}

async function* ofUsers(audit: UnreadAudit, users: readonly UserId[]): AsyncGenerator<Counter[]> {
  for (const user of users) {
    for (let last: Counter | undefined; ; ) {
      const counters = boundedSlice(await audit.ofUser(user, last?.conversationId, PAGE));
      last = counters.at(-1);
      if (!last) break;
      yield counters;
    }
  }
}

function shown({ userId, conversationId, unreadCount, truth, fixed }: Drift & { fixed: boolean }) {
  return { userId, conversationId, counter: unreadCount, truth, fixed };
}

function lineOf(drift: Drift & { fixed: boolean }): string {
  const { userId, conversationId, counter, truth, fixed } = shown(drift);
  return `${fixed ? '✔' : '✖'} ${userId}  ${conversationId}  counter ${counter}, truth ${truth}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
