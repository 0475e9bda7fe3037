import type { UserId } from '@chat-cluster/contracts';
import {
  boundedSlice,
  type Counter,
  type CounterKey,
  findDrift,
  type Healing,
  hasDrifted,
  healDrift,
  healMemberDrift,
  type MemberAudit,
  type MemberCounts,
  type MemberCountValues,
  type RecountRequests,
  type UnreadAudit,
} from '@chat-cluster/domain';
import { createMemberAudit, createUnreadAudit, type Database, openForCommand } from '@chat-cluster/postgres';
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

Prints each wrong counter of a direct conversation: user, conversation, counter, truth. Then each member of a group whose
counts are wrong: user, group, counts, truth. The unread messages of a member follow from these counts: messages up to
the read mark, own messages after it, messages after it that mention the user.
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
/** Members of groups read at a time, with the counts of their messages. */
const MEMBERS_PAGE = 100;
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
  process.exitCode = (await auditAll(db, recounts, values)) ? 0 : 1;
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

/** A number for a direct conversation, counts for a member of a group. */
type Value = number | MemberCountValues;

interface Wrong extends CounterKey {
  counter: Value;
  truth: Value;
  fixed: boolean;
}

/** Resolves with true when no counter is wrong, or all wrong ones are corrected. */
async function auditAll(
  db: Database,
  recounts: RecountRequests | undefined,
  { user, json }: { user: string[]; json: boolean },
): Promise<boolean> {
  const drifts: Wrong[] = [];
  let checked = 0;
  let progressAt = performance.now();
  const users = user as UserId[];
  for await (const slice of both(
    directSlices(createUnreadAudit(db), users, recounts),
    memberSlices(createMemberAudit(db), users, recounts),
  )) {
    drifts.push(...slice.wrong);
    if (!json) for (const wrong of slice.wrong) print(lineOf(wrong));
    checked += slice.checked;
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

interface Slice {
  checked: number;
  wrong: Wrong[];
}

async function* both(...all: AsyncGenerator<Slice>[]): AsyncGenerator<Slice> {
  for (const slices of all) yield* slices;
}

/** Unread counters of direct conversations. */
async function* directSlices(
  audit: UnreadAudit,
  users: readonly UserId[],
  recounts: RecountRequests | undefined,
): AsyncGenerator<Slice> {
  const pages = pagesOf<Counter>(
    users,
    async (last) => boundedSlice(await audit.after(last, PAGE)),
    async (user, last) => boundedSlice(await audit.ofUser(user, last?.conversationId, PAGE)),
  );
  for await (const counters of pages) {
    const drifts = await findDrift(audit, counters);
    const fixed = await fix(recounts, drifts, (all) => healDrift(audit, all));
    const wrong = drifts.map(({ userId, conversationId, unreadCount: counter, truth }, i) => {
      return { userId, conversationId, counter, truth, fixed: fixed[i] === true };
    });
    yield { checked: counters.length, wrong };
  }
}

/** Counts of members of groups. */
async function* memberSlices(
  audit: MemberAudit,
  users: readonly UserId[],
  recounts: RecountRequests | undefined,
): AsyncGenerator<Slice> {
  const pages = pagesOf<MemberCounts>(
    users,
    (last) => audit.after(last, MEMBERS_PAGE),
    (user, last) => audit.ofUser(user, last?.conversationId, MEMBERS_PAGE),
  );
  for await (const members of pages) {
    const drifts = members.filter(hasDrifted);
    const fixed = await fix(recounts, drifts, (all) => healMemberDrift(audit, all));
    const wrong = drifts.map(({ userId, conversationId, stored: counter, truth }, i) => {
      return { userId, conversationId, counter, truth, fixed: fixed[i] === true };
    });
    yield { checked: members.length, wrong };
  }
}

/** All pages: those of `users`, or of every user if it is empty. */
async function* pagesOf<T extends CounterKey>(
  users: readonly UserId[],
  after: (last: T | undefined) => Promise<T[]>,
  ofUser: (user: UserId, last: T | undefined) => Promise<T[]>,
): AsyncGenerator<T[]> {
  const readers = users.map((user) => (last: T | undefined) => ofUser(user, last));
  for (const read of users.length > 0 ? readers : [after]) {
    for (let last: T | undefined; ; ) {
      const page = await read(last);
      last = page.at(-1);
      if (!last) break;
      yield page;
    }
  }
}

/** Corrects counters and requests their recounts. `result[i]`: drift i is right afterwards. */
async function fix<D extends CounterKey>(
  recounts: RecountRequests | undefined,
  drifts: readonly D[],
  heal: (drifts: readonly D[]) => Promise<Healing<D>>,
): Promise<boolean[]> {
  if (!recounts || drifts.length === 0) return drifts.map(() => false);
  const { left } = await heal(drifts);
  await recounts.request(drifts.map(({ userId, conversationId }) => ({ userId, conversationId })));
  const open = new Set(left.map(keyOf));
  return drifts.map((drift) => !open.has(keyOf(drift)));
}

function keyOf({ conversationId, userId }: CounterKey): string {
  return conversationId + userId;
}

function lineOf({ userId, conversationId, counter, truth, fixed }: Wrong): string {
  return `${fixed ? '✔' : '✖'} ${userId}  ${conversationId}  counter ${textOf(counter)}, truth ${textOf(truth)}`;
}

function textOf(value: Value): string {
  if (typeof value === 'number') return String(value);
  return `${value.readCounted} read, ${value.ownAfter} own, ${value.mentions} mentions`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
