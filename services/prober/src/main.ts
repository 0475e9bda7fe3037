import { announceReady, createLogger, Lifecycle, redactConfig, runMain, serveOps } from '@chat-cluster/runtime';
import jwt from 'jsonwebtoken';
import { collectDefaultMetrics } from 'prom-client';
import { loadConfig, type ProberConfig } from './config.ts';
import { startProbe } from './probe.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  const logger = createLogger({ name: config.PROBER_NAME, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  logger.info({ config: redactConfig(config) }, 'prober: starting');
  collectDefaultMetrics();
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
    'ops listener',
    await serveOps({
      host: config.HOST,
      port: config.ADMIN_PORT,
      // An outage of the chat is what it is there to show: it stays ready meanwhile.
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
