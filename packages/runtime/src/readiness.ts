import { Gauge } from 'prom-client';
import type { Lifecycle } from './lifecycle.ts';

/**
 * The readiness of a process that has started, for `/readyz`: each dependency has responded to it once. Shows the same
 * dependencies in the gauge `chat_dependency_up`.
 */
export function watchReadiness({ redis, postgres, schema, lifecycle, readyDuringOutage }: Dependencies) {
  shown = { redis, postgres };
  return (): Readiness => {
    const away = Object.entries(redis()).flatMap(([role, responds]) => (responds ? [] : [role]));
    const redisState = away.length === 0 ? 'ok' : `away: ${away.join(', ')}`;
    const checks = { redis: redisState, postgres: postgres(), schema: schema.check() };
    if (lifecycle.stopping) return { ready: false, reason: 'draining', checks };
    if (schema.tooOld) return { ready: false, reason: 'schema', checks };
    return { ready: readyDuringOutage || (checks.redis === 'ok' && checks.postgres === 'ok'), checks };
  };
}

/**
 * The readiness of a process that starts: it waits for the first response of each dependency, so that a deploy with a
 * wrong password or address replaces no process that serves. `checks` names the dependency that it waits for.
 */
export function startingReadiness({ stopping }: Pick<Lifecycle, 'stopping'>, checks: Readiness['checks']): Readiness {
  return { ready: false, reason: stopping ? 'draining' : 'starting', checks };
}

/** The answer of `/readyz`. */
export interface Readiness {
  ready: boolean;
  /** Why it is not ready, when the process itself is the reason. */
  reason?: 'starting' | 'draining' | 'schema' | 'cluster';
  /** One line per part: 'ok', or the problem. */
  checks: Record<string, string>;
}

/** The servers that a process depends on. Read at each probe and each scrape, so no function may wait. */
export interface Dependencies {
  /** Whether the Redis of each role responds. */
  redis(): Record<'pubsub' | 'queue' | 'cache', boolean>;
  /** 'ok', or the problem. */
  postgres(): string;
  /** The migrations. `check` returns 'ok' or the problem; `tooOld`: migrations of this version are missing. */
  schema: { readonly tooOld: boolean; check(): string };
  lifecycle: Pick<Lifecycle, 'stopping'>;
  /** Whether the process stays ready while Redis or Postgres is away. The outage then only shows in `checks`. */
  readyDuringOutage: boolean;
}

let shown: Pick<Dependencies, 'redis' | 'postgres'> | undefined;

new Gauge({
  name: 'chat_dependency_up',
  help: '1 while a server that this process needs responds: redis_pubsub, redis_queue, redis_cache, postgres',
  labelNames: ['dependency'],
  // Of several forks of one gateway, the value of the fork in the worst state.
  aggregator: 'min',
  collect() {
    if (!shown) return;
    for (const [role, responds] of Object.entries(shown.redis()))
      this.set({ dependency: `redis_${role}` }, responds ? 1 : 0);
    this.set({ dependency: 'postgres' }, shown.postgres() === 'ok' ? 1 : 0);
  },
});
