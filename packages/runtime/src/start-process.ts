import { collectDefaultMetrics } from 'prom-client';
import { redactConfig } from './config.ts';
import { Lifecycle } from './lifecycle.ts';
import { createLogger, type Logger } from './logger.ts';
import { startTracing } from './tracing.ts';
import type { TracingConfig } from './tracing-config.ts';

/**
 * Starts what every process has, in this order: logger, lifecycle (from here on SIGTERM stops the process in order),
 * the start-up log line with the redacted configuration, default metrics and tracing. `service` is the kind of process
 * (`gateway`), `name` this instance of it.
 */
export async function startProcess(
  config: ProcessConfig,
  { service, name }: { service: string; name: string },
): Promise<{ logger: Logger; lifecycle: Lifecycle }> {
  const logger = createLogger({ name, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  logger.info({ config: redactConfig({ ...config }) }, `${service}: starting`);
  collectDefaultMetrics();
  const tracing = await startTracing(config, { service: `chat-${service}`, instance: name, logger });
  lifecycle.own('tracing', tracing, ({ stop }) => stop());
  return { logger, lifecycle };
}

/** The settings that every process has. A process without tracing leaves the OTEL_* settings out. */
export interface ProcessConfig extends TracingConfig {
  LOG_LEVEL: string;
  LOG_FORMAT?: 'pretty' | 'json' | undefined;
  SHUTDOWN_TIMEOUT_MS: number;
}
