import { adminAddress, announceReady, runMain, serveOps, startProcess } from '@chat-cluster/runtime';
import { loadConfig } from './config.ts';
import { startProbe } from './probe.ts';
import { createSigner } from './sign-token.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  const { logger, lifecycle } = await startProcess(config, { service: 'prober', name: config.PROBER_NAME });
  const { PROBE_ADMIN_ENTRY: url, PROBE_ADMIN_TOKEN: token } = config;
  const probe = lifecycle.own(
    'probe',
    startProbe({
      urls: config.PROBE_ENTRY,
      admin: url !== undefined && token !== undefined ? { url, token } : undefined,
      signToken: createSigner(config),
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
