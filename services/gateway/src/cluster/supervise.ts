import cluster, { type Worker } from 'node:cluster';
import { announceReady, backoff, createLogger, Lifecycle, UserError } from '@chat-cluster/runtime';
import { AggregatorRegistry, register } from 'prom-client';
import { type GatewayConfig, longestEndMs } from '../config.ts';
import type { Context } from '../connect-servers.ts';
import { createEntry, type Entry, EVICTED } from './entry.ts';
import { actionsInFork } from './fork-actions.ts';
import { endForks } from './fork-drain.ts';
import { readinessOfForks } from './fork-readiness.ts';
import { listen, listenForAdmin } from './listen.ts';
import type { Serving } from './take-connections.ts';

/**
 * Runs several gateway processes behind one port, for one machine with many cores. This process owns the port and hands
 * each connection to one of its forks, all connections of a Socket.IO session to the same one, as long-polling
 * requires. A fork that dies is replaced; its clients reconnect to any fork. The admin listener is here too and covers
 * all forks.
 */
export async function supervise(config: GatewayConfig): Promise<void> {
  const logger = createLogger({ name: config.GATEWAY_NAME, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  const names = Array.from({ length: config.GATEWAY_PROCESSES }, (_, i) => `${config.GATEWAY_NAME}-${i + 1}`);

  // The default JSON channel would turn the bytes that the entry sends to forks into text.
  cluster.setupPrimary({ serialization: 'advanced', execArgv: [...process.execArgv, ...heapOptions()] });
  const entry = createEntry();
  const port = await listen(entry.server, config);
  lifecycle.own('entry', entry.server, (server) => server.close());

  const forks = new Map<string, Worker>();
  const registry = new AggregatorRegistry();
  const { port: adminPort } = await listenForAdmin(config, lifecycle, {
    readiness: () => readinessOfForks(names, forks, { entry, lifecycle }),
    actions: actionsInFork(forks, entry.isOffered),
    // Rejects if a fork does not answer within 5 s.
    metrics: async () => {
      const [ofForks, ofEntry] = [await registry.clusterMetrics(), await register.getSingleMetricAsString(EVICTED)];
      return { contentType: registry.contentType, body: `${ofForks}\n${ofEntry}\n` };
    },
  });
  lifecycle.own('forks', forks, () => endForks(forks.values(), 'chat:hurry'));
  lifecycle.drainWith({
    withinMs: config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS,
    run: (hurry) => endForks(forks.values(), 'chat:drain', hurry),
  });
  await Promise.all(names.map((name) => keepForked(name, { forks, entry, lifecycle, logger })));

  logger.info({ port, adminPort, gateways: names, endsWithinMs: longestEndMs(config) }, 'gateway: ready');
  announceReady({ type: 'ready', port, adminPort, gateways: names });
}

/**
 * Options of Node for a fork: semi-spaces of 16 MB, as in the pods. With Node's default new objects leave 100 MB more
 * garbage before they are collected. NODE_OPTIONS has precedence.
 */
function heapOptions(): string[] {
  return process.env.NODE_OPTIONS?.includes('semi-space-size') ? [] : ['--max-semi-space-size=16'];
}

interface ForkDeps extends Pick<Context, 'lifecycle' | 'logger'> {
  forks: Map<string, Worker>;
  entry: Entry;
}

/**
 * Forks a gateway and replaces it whenever it dies, with back-off. Resolves when it first serves, and rejects if it
 * dies before. The entry uses a fork only while it serves: a connection handed to a fork that is still starting
 * would be lost, and its client would wait for 20 s. While no fork serves, the entry responds 503 and clients retry.
 */
function keepForked(name: string, { forks, entry, lifecycle, logger }: ForkDeps): Promise<void> {
  return new Promise((resolve, reject) => {
    let served = false;
    let failures = 0;
    const start = () => {
      const fork = cluster.fork({ GATEWAY_NAME: name });
      forks.set(name, fork);
      fork.on('message', (message: Serving) => {
        if (message?.type !== 'chat:serving') return;
        entry.offer(fork, message.tag);
        served = true;
        failures = 0;
        resolve();
      });
      fork.once('exit', async (code, signal) => {
        forks.delete(name);
        if (lifecycle.stopping) return;
        // It has written the reason to stderr.
        if (!served) return reject(new UserError(`${name} could not start (see above).`));
        logger.warn({ gateway: name, code, signal }, 'gateway: a fork died, replacing it');
        await backoff(failures++, 50, 5_000);
        if (!lifecycle.stopping) start();
      });
    };
    start();
  });
}
