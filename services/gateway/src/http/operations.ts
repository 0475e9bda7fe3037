import type { Liveness, Readiness } from '@chat-cluster/contracts/openapi';
import type { HttpDeps } from './app.ts';
import { publicRoute, type Route } from './route.ts';

/** For probes of load balancers; the admin listener has the metrics. Liveness asks nobody: an outage of Redis or Postgres is no reason to be restarted. */
export function operationRoutes({ gatewayId, version, isReady }: HttpDeps): Route[] {
  return [
    publicRoute('/healthz', (_req, res) => {
      res.json({ status: 'ok', gatewayId, version } satisfies Liveness);
    }),
    publicRoute('/readyz', (_req, res) => {
      const state: Readiness = isReady();
      res.status(state.ready ? 200 : 503).json(state);
    }),
  ];
}
