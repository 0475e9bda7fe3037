import { Rejection } from '@chat-cluster/contracts';
import { isTransientFault } from '@chat-cluster/postgres';
import { Counter } from 'prom-client';

const refused = new Counter({
  name: 'chat_postgres_unavailable_total',
  help: 'Reads that Postgres did not answer: away, restarting, or too slow',
});

type Methods = Record<string, (...args: never[]) => Promise<unknown>>;

/**
 * The same store, whose transient faults (a restart, a failover, a time-out) are rejections: UNAVAILABLE with
 * `retryAfterMs`, counted, and not logged once per request while an outage lasts (`watchDatabase` tells of it).
 */
export function rejectWhenUnavailable<T extends { [K in keyof T]: (...args: never[]) => Promise<unknown> }>(
  store: T,
): T {
  const methods = Object.entries(store as Methods).map(([name, method]) => [
    name,
    async (...args: never[]) => {
      try {
        return await method(...args);
      } catch (error) {
        if (!isTransientFault(error)) throw error;
        refused.inc();
        throw new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
      }
    },
  ]);
  return Object.fromEntries(methods) as T;
}
