import type { Queue } from 'bullmq';
import type { QueueConnection } from './connection.ts';

/** A job that was given up: its processing threw, or it lost too many workers. */
export interface FailedJob {
  reason: string;
  /** How often it was taken. */
  attempts: number;
  /** Parsed; of a job that is no JSON, its text. */
  data: unknown;
}

const SHARE = 50;

/**
 * Hands the failed jobs of a queue to `keep`, the first failed first, and removes them. A process that dies between the
 * two has its jobs handed over again, and two workers may do so at once: `keep` must not mind. Rejects when `keep` or
 * Redis does; what is left waits for the next sweep.
 */
export async function sweepFailedJobs(
  queue: Queue,
  connection: QueueConnection,
  keep: (jobs: FailedJob[]) => Promise<void>,
): Promise<void> {
  for (;;) {
    const ids = await connection.zrange(queue.toKey('failed'), 0, SHARE - 1);
    if (ids.length === 0) return;
    for (const id of ids) {
      const job = await readJob(queue, connection, id);
      if (job) await keep([job]);
      await queue.remove(id);
    }
  }
}

/** As Redis has it: a BullMQ job object is not to be had of one that can not be read. */
async function readJob(queue: Queue, connection: QueueConnection, id: string): Promise<FailedJob | undefined> {
  const [data, reason, attempts, stalls] = await connection.hmget(
    queue.toKey(id),
    'data',
    'failedReason',
    'ats',
    'stc',
  );
  if (typeof data !== 'string') return undefined;
  return { reason: reason || 'unknown', attempts: Number(attempts ?? stalls ?? 1) || 1, data: parsed(data) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
