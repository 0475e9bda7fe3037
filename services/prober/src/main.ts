import { adminAddress, announceReady, runMain, serveOps, startProcess } from '@chat-cluster/runtime';
import jwt from 'jsonwebtoken';
import { loadConfig, type ProberConfig } from './config.ts';
import { startProbe } from './probe.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  const { logger, lifecycle } = await startProcess(config, { service: 'prober', name: config.PROBER_NAME });
  const probe = lifecycle.own(
    'probe',
    startProbe({
      urls: config.PROBE_ENTRY,
      tokenOf: (userId) => tokenOf(config, userId),
      intervalMs: config.PROBE_INTERVAL_MS,
      lostAfterMs: config.PROBE_LOST_AFTER_MS,
      logger,
    }),
    (one) => one.stop(),
  );
  const { port } = lifecycle.own(
    'admin listener',
    await serveOps({
      ...adminAddress(config),
      // Ready also during an outage of the chat, since its purpose is to show outages.
      readiness: () => ({
        ready: !lifecycle.stopping,
        ...(lifecycle.stopping ? { reason: 'draining' as const } : {}),
        checks: { probe: probe.check() },
      }),
      drain: () => lifecycle.end('POST /drain'),
    }),
    ({ server }) => server.close(),
  );
  logger.info({ port }, 'prober: ready');
  announceReady({ type: 'ready', port, adminPort: port });
});

function tokenOf({ JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE, JWT_USER_CLAIM }: ProberConfig, userId: string): string {
  return jwt.sign({ [JWT_USER_CLAIM]: userId }, JWT_SECRET, {
    algorithm: 'HS256',
    expiresIn: '1h',
    ...(JWT_ISSUER ? { issuer: JWT_ISSUER } : {}),
    ...(JWT_AUDIENCE ? { audience: JWT_AUDIENCE } : {}),
  });
}
