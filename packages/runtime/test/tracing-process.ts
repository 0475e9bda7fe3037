import { registerHooks } from 'node:module';

/**
 * A process with a life that traces as its environment says. Tells its parent whether a span was sampled, and how many
 * files of OpenTelemetry it has loaded, but for those of its API, which prom-client needs; ends on SIGTERM.
 */
const loaded: string[] = [];
registerHooks({
  load(url, context, next) {
    if (/@opentelemetry\/(?!api\/)|bullmq-otel/.test(url)) loaded.push(url);
    return next(url, context);
  },
});
const { parseConfig, startProcess, startSpan, tracingConfig } = await import('@chat-cluster/runtime');

const tell = (fields: { reason?: string }, text?: string) =>
  process.stdout.write(`${text ?? fields} ${fields.reason ?? ''}\n`);
const logger = { debug() {}, info: tell, warn: tell, error: tell, fatal: tell } as never;
const lifecycle = new Lifecycle(logger, 5_000);
const config = parseConfig(tracingConfig, process.env);
const tracing = await startTracing(config, { service: 'a-service', instance: 'an-instance', logger });
lifecycle.own('tracing', tracing, (one) => one.stop());
const span = startSpan('a-span', { attributes: { some: 'attribute' } });
span?.end();
process.send?.({ sampled: span !== undefined, loaded: loaded.length });
