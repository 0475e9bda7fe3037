import { createFakeCluster } from '../../src/testing/index.ts';
import type { Stage } from './stage.ts';

/** The fake cluster, with the timers of the platform. */
export async function startFakeStage(): Promise<Stage> {
  const cluster = createFakeCluster({ time: 'platform', tokenExpiringMs: 2_500 });
  const { url, socket, fetch } = cluster;
  return {
    access: { url, socket, fetch },
    tokenFor: (userId, expiresInMs = 3_600_000) => cluster.tokenFor(userId, { expiresInMs }),
    async revoke(userId) {
      cluster.revoke(userId);
    },
    limitSends: (user) => cluster.refuse('send_message', 'RATE_LIMITED', { user, times: 10, retryAfterMs: 20 }),
    async backup() {
      const backup = cluster.backup();
      return async () => cluster.restore(backup);
    },
    breakConnections: () => cluster.disconnect(),
    async drain(gatewayId) {
      cluster.drain({ gatewayId, reconnectInMs: 300 });
    },
    async stop() {
      cluster.close();
    },
  };
}
