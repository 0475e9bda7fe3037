import { collectDefaultMetrics } from 'prom-client';
import type { z } from 'zod';
import { captureOutput } from './capture-output.ts';
import { type commonConfig, redactConfig, type TracingConfig } from './config.ts';
import { Lifecycle } from './lifecycle.ts';
import { createLogger, type Logger } from './logger.ts';
import { startTracing } from './tracing.ts';

/**
 * Starts the common parts of a process, in this order: logger, which also gets what libraries print, lifecycle (from
 * then on SIGTERM stops the process in order), the start-up log line with the redacted configuration, default metrics
 * and tracing. `service` is the kind of process (`gateway`), `name` this instance of it. A process without tracing
 * leaves the OTEL_* settings out of its `config`.
 */
export async function startProcess(
  config: TracingConfig & Pick<z.output<typeof commonConfig>, 'LOG_LEVEL' | 'LOG_FORMAT' | 'SHUTDOWN_TIMEOUT_MS'>,
  { service, name }: { service: string; name: string },
): Promise<{ logger: Logger; lifecycle: Lifecycle }> {
  const logger = createLogger({ name, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  captureOutput(logger);
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  logger.info({ config: redactConfig({ ...config }) }, `${service}: starting`);
  collectDefaultMetrics();
  const tracing = await startTracing(config, { service: `chat-${service}`, instance: name, logger });
  lifecycle.own('tracing', tracing, ({ stop }) => stop());
  return { logger, lifecycle };
}

/** The message that a supervised process sends to its parent when it serves. All ports are those really bound. */
export interface ReadyMessage {
  type: 'ready';
  /** Port of HTTP and sockets; in a process without them, the port of the admin listener. */
  port: number;
  /** Port of the admin listener, if the process has one. */
  adminPort?: number;
  /** Names of the gateways; absent in other processes. */
  gateways?: string[];
}

/** Sends the message to the parent process, if there is one. */
export function announceReady(message: ReadyMessage): void {
  if (process.connected) process.send?.(message);
}
