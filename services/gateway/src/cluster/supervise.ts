import cluster from 'node:cluster';
import { announceForks, announceReady, createLogger, Lifecycle, onForkOrder } from '@chat-cluster/runtime';
import { AggregatorRegistry, register } from 'prom-client';
import { type GatewayConfig, longestEndMs } from '../config.ts';
import { createEntry, EVICTED } from './entry.ts';
import { actionsInFork } from './fork-actions.ts';
import { endForks } from './fork-drain.ts';
import { readinessOfForks } from './fork-readiness.ts';
import { Forks } from './forks.ts';
import { listen, listenForAdmin } from './listen.ts';

/**
 * Runs several gateway processes behind one port, for one machine with many cores. This process owns the port and hands
 * each connection to one of its forks, all connections of a Socket.IO session to the same one, as long-polling
 * requires. A fork that dies is replaced; its clients reconnect to any fork. The admin listener is here too and covers
 * all forks.
 */
export async function supervise(config: GatewayConfig): Promise<void> {
  const logger = createLogger({ name: config.GATEWAY_NAME, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);

  // The default JSON channel would turn the bytes that the entry sends to forks into text.
  cluster.setupPrimary({ serialization: 'advanced', execArgv: [...process.execArgv, ...heapOptions()] });
  const entry = createEntry();
  const port = await listen(entry.server, config);
  lifecycle.own('entry', entry.server, (server) => server.close());

  const forks = new Forks({ prefix: config.GATEWAY_NAME, entry, lifecycle, logger, onChange: announceForks });
  const registry = new AggregatorRegistry();
  const { port: adminPort } = await listenForAdmin(config, lifecycle, {
    readiness: () => readinessOfForks(forks.members, lifecycle),
    actions: actionsInFork(() => forks.workers.find(entry.isOffered)),
    // Rejects if a fork does not answer within 5 s.
    metrics: async () => {
      const [ofForks, ofEntry] = [await registry.clusterMetrics(), await register.getSingleMetricAsString(EVICTED)];
      return { contentType: registry.contentType, body: `${ofForks}\n${ofEntry}\n` };
    },
  });
  lifecycle.own('forks', forks, () => endForks(forks.workers, 'chat:hurry'));
  lifecycle.drainWith({
    withinMs: config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS,
    run: (hurry) => endForks(forks.workers, 'chat:drain', hurry),
  });
  await forks.start(config.GATEWAY_PROCESSES);
  onForkOrder((order) => (order.type === 'add-fork' ? forks.add() : forks.drain(order.name)));

  const names = forks.members.map(({ name }) => name);
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
