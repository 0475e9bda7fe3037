import { Rejection } from '@chat-cluster/contracts';
import { isReadOnlyServer, isTransientFault } from '@chat-cluster/postgres';
import { Counter } from 'prom-client';

const rejected = new Counter({
  name: 'chat_postgres_unavailable_total',
  help: 'Reads that failed because Postgres was down, restarting or too slow',
});

type Method = (...args: never[]) => Promise<unknown>;

/**
 * Wraps a store, whose calls must be idempotent. A call that finds out that its server was replaced is repeated once, so
 * that a failover that has ended costs no request. All other transient faults (a restart, a time-out) become rejections:
 * UNAVAILABLE with `retryAfterMs`. They are counted, not logged per request; `watchDatabase` logs the outage.
 */
export function rejectWhenUnavailable<T extends Record<keyof T, Method>>(store: T): T {
  const methods = Object.entries<Method>(store).map(([name, method]) => [
    name,
    async (...args: never[]) => {
      try {
        return await method(...args).catch((error: unknown) => {
          if (isReadOnlyServer(error)) return method(...args);
          throw error;
        });
      } catch (error) {
        if (!isTransientFault(error)) throw error;
        rejected.inc();
        throw new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
      }
    },
  ]);
  return Object.fromEntries(methods) as T;
}
