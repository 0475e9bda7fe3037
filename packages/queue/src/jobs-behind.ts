import { backoff } from '@chat-cluster/runtime';
import type { Queue } from 'bullmq';
import type { QueueConnection } from './connection.ts';

/** Which jobs of a lane may be carried out together with the one before them. */
export interface JoinRule<Data> {
  /** What the data adds to a run; undefined when it has to be carried out alone. */
  weigh(data: Data): number | undefined;
  /** Of one run. */
  maxWeight: number;
}

export interface JobBehind<Data> {
  id: string;
  data: Data;
}

/** A run takes along so many jobs at most: about the gateways that a busy lane hears of in one round. */
const MAX_JOBS = 50;
const REMOVE_ATTEMPTS = 8;

/**
 * The jobs that wait next behind the active one of a lane, in their order, as many as may be joined with `first`.
 * They stay where they are: nobody else takes them while this worker has the lane, and should it die, or lose the lane,
 * they are carried out like any others (again, if need be, which they may).
 */
export async function readJobsBehind<Data>(
  queue: Queue,
  connection: QueueConnection,
  first: Data,
  { weigh, maxWeight }: JoinRule<Data>,
): Promise<JobBehind<Data>[]> {
  let weight = weigh(first);
  if (weight === undefined) return [];
  // The next one is the last of the list.
  const ids = (await connection.lrange(queue.toKey('wait'), -MAX_JOBS, -1)).reverse();
  const texts = await Promise.all(ids.map((id) => connection.hmget(queue.toKey(id), 'data')));
  const behind: JobBehind<Data>[] = [];
  for (const [i, id] of ids.entries()) {
    const data = parsed<Data>(texts[i]?.[0]);
    const more = data === undefined ? undefined : weigh(data);
    if (data === undefined || more === undefined || weight + more > maxWeight) break;
    weight += more;
    behind.push({ id, data });
  }
  return behind;
}

/** Removes jobs that were carried out with another one. One that can not be removed is carried out again. */
export async function removeJobs(queue: Queue, jobs: readonly JobBehind<unknown>[]): Promise<void> {
  for (let attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
    try {
      await Promise.all(jobs.map(({ id }) => queue.remove(id)));
      return;
    } catch {
      await backoff(attempt, 50, 1_000);
    }
  }
}

function parsed<Data>(text: unknown): Data | undefined {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as Data) : undefined;
  } catch {
    return undefined;
  }
}
