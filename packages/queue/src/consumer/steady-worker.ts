import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@chat-cluster/runtime';
import { Worker } from 'bullmq';
import { ErrorReply } from 'redis';

/** Pause after a fault of Redis before a job is requested again, in ms. BullMQ's default is 15 s. */
export const RETRY_MS = 1_000;
/** Shortest time between two lines about failed commands of a queue, in ms. */
const LOG_EVERY_MS = 10_000;

/**
 * BullMQ's worker, made steady against faults of Redis. It differs in four ways:
 * - After its blocking connection was lost, BullMQ's worker waits for up to ten seconds, even for a job whose wake-up
 *   was lost with the connection. This one never waits for longer than `drainDelay`.
 * - After a failover BullMQ's worker may wait at the old primary until that one wakes up or is demoted. `renew` ends
 *   that.
 * - After a fault it requests a job again after RETRY_MS (with the option `runRetryDelay`).
 * - So it does after a refusal of Redis (a replica, a full server), after which BullMQ's worker requests it at once, a
 *   thousand times per second.
 */
export class SteadyWorker extends Worker<unknown> {
  /**
   * Opens a new blocking connection. Does nothing while it reconnects by itself: node-redis would then make two
   * connections, and the time-out of the unused one would end the other.
   */
  async renew(): Promise<void> {
    const { blockingConnection } = this.backend as unknown as BlockingBackend;
    if ((await blockingConnection?.client)?.status !== 'ready') return;
    await this.backend.disconnectBlocking();
    await this.backend.reconnectBlocking();
  }

  protected override async moveToActive(
    ...args: Parameters<Worker<unknown>['moveToActive']>
  ): ReturnType<Worker<unknown>['moveToActive']> {
    try {
      return await super.moveToActive(...args);
    } catch (error) {
      if (error instanceof ErrorReply && !this.closing) await delay(RETRY_MS);
      throw error;
    }
  }

  protected override checkConnectionError<T>(run: () => Promise<T>): Promise<T | undefined> {
    return super.checkConnectionError(run, RETRY_MS);
  }

  protected override getBlockTimeout(blockUntil: number): number {
    return Math.min(super.getBlockTimeout(blockUntil), this.opts.drainDelay ?? Number.POSITIVE_INFINITY);
  }
}

/** A private part of BullMQ's backend. */
interface BlockingBackend {
  blockingConnection?: { client: Promise<{ status: string }> };
}

/** The name of a worker as a name of a connection, in which Redis accepts no spaces. */
export function workerNameOption(workerName: string | undefined): { name?: string } {
  return workerName ? { name: workerName.replace(/[^\x21-\x7e]/g, '_') } : {};
}

/** Logs the first of the failed commands within LOG_EVERY_MS, with the number of those that were not logged before it. */
export function logSometimes(queue: string, logger: Logger, message: string): (error: Error) => void {
  let loggedAt = Number.NEGATIVE_INFINITY;
  let others = 0;
  return ({ message: reason }) => {
    if (performance.now() - loggedAt < LOG_EVERY_MS) {
      others++;
      return;
    }
    logger.warn({ queue, reason, ...(others > 0 && { others }) }, message);
    loggedAt = performance.now();
    others = 0;
  };
}
