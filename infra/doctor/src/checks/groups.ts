import { type Database, isTooSlow } from '@chat-cluster/postgres';
import { CLUSTER_NAME } from '@chat-cluster/redis';
import { sql } from 'kysely';
import { z } from 'zod';
import { type Finding, reporter } from '../finding.ts';
import type { Deployment } from '../options.ts';
import { listRedisServers } from '../redis-server.ts';

/** Age of the last snapshot of a process beyond which it is not running, in ms. It writes one every 2 s. */
const SILENT_MS = 10_000;
/** Groups and users that are counted; more are "or more". */
const MAX_COUNTED = 1_000;

/** The part of a snapshot of a process (packages/cluster-view) that is read here. */
const workerSnapshot = z.object({
  kind: z.literal('worker'),
  name: z.string(),
  limits: z.record(z.string(), z.number()).default({}),
});

type WorkerSnapshot = z.output<typeof workerSnapshot>;

/** Checks that all running workers have the same limits of groups and changes, and the same number of recount lanes. */
export async function checkWorkerLimits({ redis }: Deployment): Promise<Finding[]> {
  // Without Redis, its own check has reported why.
  const workers = redis && (await readWorkers(redis).catch(() => undefined));
  if (!workers) return [];
  const report = reporter('limits of workers');
  const names = [...new Set(workers.flatMap(({ limits }) => Object.keys(limits)))].sort();
  const differences = names.flatMap((name) => {
    const byValue = Map.groupBy(
      workers.filter(({ limits }) => name in limits),
      ({ limits }) => limits[name],
    );
    if (byValue.size < 2) return [];
    const values = [...byValue].map(([value, some]) => `${value} (${some.map((one) => one.name).join(', ')})`);
    return [`${name} is ${values.join(' and ')}`];
  });
  if (differences.length === 0) return [report.ok('all running workers have the same')];
  const fix = 'set the same values in all workers: the one that holds the lane of a group decides';
  return differences.map((found) => report.failed(found, fix));
}

async function readWorkers(redis: NonNullable<Deployment['redis']>): Promise<WorkerSnapshot[]> {
  const cache = (await listRedisServers(redis)).find(({ purposes }) => purposes.includes('cache'));
  if (!cache) return [];
  const [seconds] = (await cache.send('TIME')) as string[];
  const since = String(Number(seconds) * 1_000 - SILENT_MS);
  const ids = (await cache.send('ZRANGE', `${CLUSTER_NAME}:processes`, since, '+inf', 'BYSCORE')) as string[];
  if (ids.length === 0) return [];
  const texts = (await cache.send('MGET', ...ids.map((id) => `${CLUSTER_NAME}:process:${id}`))) as (string | null)[];
  return texts.flatMap((text) => {
    const parsed = workerSnapshot.safeParse(JSON.parse(text ?? 'null'));
    return parsed.success ? [parsed.data] : [];
  });
}

/** Checks that no group has more members, and no user more groups, than the workers now allow. */
export async function checkGroupSizes(db: Database, { groups }: Deployment): Promise<Finding[]> {
  const report = reporter('groups');
  try {
    const { rows } = await sql<{ groups: number; users: number }>`
      select
        (select count(*)::integer from (
          select from conversations where kind = 'group' and member_count > ${groups.members}::integer limit ${MAX_COUNTED}
        ) g) as groups,
        (select count(*)::integer from (
          select from user_groups where groups > ${groups.perUser}::integer limit ${MAX_COUNTED}
        ) u) as users`.execute(db);
    const [found = { groups: 0, users: 0 }] = rows;
    const findings = [
      ...aboveFinding(found.groups, `groups have more than MAX_GROUP_MEMBERS = ${groups.members} members`),
      ...aboveFinding(found.users, `users are in more than MAX_GROUPS_PER_USER = ${groups.perUser} groups`),
    ];
    return findings.length > 0 ? findings : [report.ok('none is above the limits of its members')];
  } catch (error) {
    if (!isTooSlow(error)) throw error;
    return [report.skipped('counting those above the limits takes too long', 'run doctor again at a quieter time')];
  }
}

function aboveFinding(count: number, what: string): Finding[] {
  if (count === 0) return [];
  const number = count === MAX_COUNTED ? `${count} or more` : count;
  const fix = 'raise the setting, or remove members: these keep working, but no user can be added';
  return [reporter('groups').warning(`${number} ${what}`, fix)];
}
