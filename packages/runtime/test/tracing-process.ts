import { registerHooks } from 'node:module';

/**
 * A process that traces according to its environment, until SIGTERM. Reports to its parent whether a span was sampled,
 * and how many files of OpenTelemetry it has loaded, except those of its API, which prom-client loads.
 */
const loaded: string[] = [];
registerHooks({
  load(url, context, next) {
    if (/@opentelemetry\/(?!api\/)|bullmq-otel/.test(url)) loaded.push(url);
    return next(url, context);
  },
});
const { parseConfig, startProcess, startSpan, tracingConfig } = await import('@chat-cluster/runtime');

const config = {
  ...parseConfig(tracingConfig, process.env),
  LOG_LEVEL: 'info' as const,
  LOG_FORMAT: 'json' as const,
  SHUTDOWN_TIMEOUT_MS: 5_000,
};
await startProcess(config, { service: 'test', name: 'an-instance' });
const span = startSpan('a-span', { attributes: { some: 'attribute' } });
span?.end();
process.send?.({ sampled: span !== undefined, loaded: loaded.length });
