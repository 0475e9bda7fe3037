import cluster, { type Worker } from 'node:cluster';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import {
  announceReady,
  backoff,
  createLogger,
  Lifecycle,
  type Logger,
  type Readiness,
  serveOps,
} from '@chat-cluster/runtime';
import { setupMaster } from '@socket.io/sticky';
import { type GatewayConfig, longestEndMs } from '../config.ts';
import { drainForks, hurryForks } from './fork-drain.ts';
import { createMetricsReader } from './fork-metrics.ts';
import { HTTP_DEADLINES, listen } from './listen.ts';
import { confirmSessions, guardHandovers } from './sticky.ts';

/**
 * One pod, many cores: this process owns the port and hands each connection to one of its forks, always the same for
 * the same Socket.IO session, so long-polling works. A fork that dies is replaced; its clients come back to any fork. The
 * admin listener is this process's too: it speaks for all of them.
 *
 * Random, because the entry's other two methods go wrong: round-robin over two forks keeps step with clients that open
 * connections in twos (a request, then a socket), so all their sockets land on one fork; least-connection counts only
 * sockets, and late, so requests and bursts all go to one.
 */
export async function supervise(config: GatewayConfig): Promise<void> {
  const logger = createLogger({ name: config.GATEWAY_NAME, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  const names = Array.from({ length: config.GATEWAY_PROCESSES }, (_, i) => `${config.GATEWAY_NAME}-${i + 1}`);

  // Sticky hands over bytes as Buffers, which the default JSON channel would turn into text.
  cluster.setupPrimary({ serialization: 'advanced' });
  // Not an HTTP server: sticky takes the bytes away before they are parsed, and a parser that hears nothing would cut
  // connections after a minute, in the middle of what a fork answers.
  const entry = createServer({ allowHalfOpen: true });
  setupMaster(entry as unknown as HttpServer, { loadBalancingMethod: 'random' });
  entry.prependListener('connection', (socket) => socket.on('error', () => socket.destroy()));
  entry.on('connection', cutSilent);
  const guard = guardHandovers(entry);
  confirmSessions();

  const port = await listen(entry, config);
  lifecycle.own('entry', entry, (server) => server.close());
  const forks = new Map<string, Worker>();
  const { port: adminPort } = lifecycle.own(
    'admin listener',
    await serveOps({
      host: config.HOST,
      port: config.ADMIN_PORT,
      readiness: () => readinessOf(names, forks, lifecycle),
      drain: () => lifecycle.end('POST /drain'),
      metrics: createMetricsReader(),
    }),
    ({ server }) => server.close(),
  );
  lifecycle.own('forks', forks, () => hurryForks(forks.values()));
  lifecycle.drainWith({
    withinMs: config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS,
    run: (hurry) => drainForks(forks.values(), hurry),
  });
  await Promise.all(names.map((name) => keepAlive(name, { forks, guard, lifecycle, logger })));

  logger.info({ port, adminPort, gateways: names, endsWithinMs: longestEndMs(config) }, 'gateway: ready');
  announceReady({ type: 'ready', port, adminPort, gateways: names });
}

/** Ready as long as some fork serves; what a fork knows of Redis and Postgres is in the /readyz of the public port. */
function readinessOf(names: readonly string[], forks: Map<string, Worker>, { stopping }: Lifecycle): Readiness {
  const serves = (name: string) => cluster.workers?.[forks.get(name)?.id ?? 0] !== undefined;
  const checks = Object.fromEntries(names.map((name) => [name, serves(name) ? 'ok' : 'starting']));
  return stopping ? { ready: false, reason: 'draining', checks } : { ready: names.some(serves), checks };
}

/** A connection without a first byte belongs to no fork yet, and nobody else looks at it. */
function cutSilent(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), HTTP_DEADLINES.headersTimeout);
  const stop = () => clearTimeout(timer);
  socket.once('data', stop).once('close', stop);
}

/**
 * Forks a gateway and replaces it whenever it dies, quickly at first, then with back-off. Resolves when it first serves.
 *
 * The entry hands connections to whatever stands in `cluster.workers`, also to a fork that is still starting, where they
 * would be lost and their clients wait for 20 s. So a fork stands there only while it serves; when none does, the
 * entry answers 503 and clients come back on their own.
 */
function keepAlive(name: string, { forks, guard, lifecycle, logger }: Keeping): Promise<void> {
  return new Promise((resolve, reject) => {
    let served = false;
    let failures = 0;
    const start = () => {
      const fork = cluster.fork({ GATEWAY_NAME: name });
      guard(fork);
      forks.set(name, fork);
      delete cluster.workers?.[fork.id];
      fork.on('message', (message: { type?: string }) => {
        if (message?.type !== 'ready') return;
        if (cluster.workers) cluster.workers[fork.id] = fork;
        served = true;
        failures = 0;
        resolve();
      });
      fork.once('exit', async (code, signal) => {
        forks.delete(name);
        if (lifecycle.stopping) return;
        if (!served) return reject(new StartError(name));
        logger.warn({ gateway: name, code, signal }, 'gateway: a fork died, replacing it');
        await backoff(failures++, 50, 5_000);
        if (!lifecycle.stopping) start();
      });
    };
    start();
  });
}

interface Keeping {
  forks: Map<string, Worker>;
  guard(fork: Worker): void;
  lifecycle: Lifecycle;
  logger: Logger;
}

/** The fork has said on stderr why it could not start. */
class StartError extends Error {
  code = 'FORK_FAILED';
  constructor(name: string) {
    super(`${name} could not start (see above).`);
  }
}
