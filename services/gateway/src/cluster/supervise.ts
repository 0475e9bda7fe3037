import cluster, { type Worker } from 'node:cluster';
import { createServer, type Server } from 'node:net';
import { announceReady, backoff, createLogger, Lifecycle, type Readiness, UserError } from '@chat-cluster/runtime';
import { AggregatorRegistry } from 'prom-client';
import { type GatewayConfig, longestEndMs } from '../config.ts';
import type { Context } from '../connect-servers.ts';
import { endForks } from './fork-drain.ts';
import { revokeInFork } from './fork-revocations.ts';
import { HTTP_DEADLINES, listen, listenForAdmin } from './listen.ts';
import { confirmSessions, guardHandovers } from './sticky.ts';
import { handOverConnections, isOffered, offerFork, withholdFork } from './sticky-internals.ts';

/**
 * Runs several gateway processes behind one port, for one machine with many cores. This process owns the port and hands
 * each connection to one of its forks, all connections of a Socket.IO session to the same one, as long-polling
 * requires. A fork that dies is replaced; its clients reconnect to any fork. The admin listener is here too and covers
 * all forks.
 *
 * Forks are chosen at random, since sticky's other two methods fail. Clients open connections in pairs (a request,
 * then a socket), so round-robin over two forks puts all sockets on one fork. Least-connection counts only sockets, and
 * late, so all requests and every burst go to one fork.
 */
export async function supervise(config: GatewayConfig): Promise<void> {
  const logger = createLogger({ name: config.GATEWAY_NAME, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  const names = Array.from({ length: config.GATEWAY_PROCESSES }, (_, i) => `${config.GATEWAY_NAME}-${i + 1}`);

  const entry = createEntry();
  const guard = guardHandovers(entry);
  confirmSessions();
  const port = await listen(entry, config);
  lifecycle.own('entry', entry, (server) => server.close());

  const forks = new Map<string, Worker>();
  const registry = new AggregatorRegistry();
  const adminPort = await listenForAdmin(config, lifecycle, {
    readiness: () => readinessOf(names, forks, lifecycle),
    actions: { '/revocations': revokeInFork(forks, isOffered) },
    // Rejects if a fork does not answer within 5 s.
    metrics: async () => ({ contentType: registry.contentType, body: await registry.clusterMetrics() }),
  });
  lifecycle.own('forks', forks, () => endForks(forks.values(), 'chat:hurry'));
  lifecycle.drainWith({
    withinMs: config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS,
    run: (hurry) => endForks(forks.values(), 'chat:drain', hurry),
  });
  await Promise.all(names.map((name) => keepForked(name, { forks, guard, lifecycle, logger })));

  logger.info({ port, adminPort, gateways: names, endsWithinMs: longestEndMs(config) }, 'gateway: ready');
  announceReady({ type: 'ready', port, adminPort, gateways: names });
}

/**
 * The server of the public port. It is not an HTTP server: sticky takes the bytes before they are parsed, and a parser
 * that gets none would close connections after a minute, in the middle of a fork's answer.
 */
function createEntry(): Server {
  // sticky sends bytes to forks as Buffers; the default JSON channel would turn these into text.
  cluster.setupPrimary({ serialization: 'advanced' });
  const entry = createServer({ allowHalfOpen: true });
  handOverConnections(entry);
  entry.prependListener('connection', (socket) => socket.on('error', () => socket.destroy()));
  entry.on('connection', (socket) => {
    // A connection without a first byte has no fork yet, so only the entry can close it.
    const timer = setTimeout(() => socket.destroy(), HTTP_DEADLINES.headersTimeout);
    const stop = () => clearTimeout(timer);
    socket.once('data', stop).once('close', stop);
  });
  return entry;
}

/** Ready while at least one fork serves. The state of Redis and Postgres is in the /readyz of the public port. */
function readinessOf(names: readonly string[], forks: Map<string, Worker>, { stopping }: Lifecycle): Readiness {
  const serves = (name: string) => isOffered(forks.get(name));
  const checks = Object.fromEntries(names.map((name) => [name, serves(name) ? 'ok' : 'starting']));
  return stopping ? { ready: false, reason: 'draining', checks } : { ready: names.some(serves), checks };
}

interface ForkDeps extends Pick<Context, 'lifecycle' | 'logger'> {
  forks: Map<string, Worker>;
  guard(fork: Worker): void;
}

/**
 * Forks a gateway and replaces it whenever it dies, with back-off. Resolves when it first serves, and rejects if it
 * dies before. A fork is offered to sticky only while it serves: a connection handed to a fork that is still starting
 * would be lost, and its client would wait for 20 s. While no fork serves, the entry responds 503 and clients retry.
 */
function keepForked(name: string, { forks, guard, lifecycle, logger }: ForkDeps): Promise<void> {
  return new Promise((resolve, reject) => {
    let served = false;
    let failures = 0;
    const start = () => {
      const fork = cluster.fork({ GATEWAY_NAME: name });
      guard(fork);
      forks.set(name, fork);
      withholdFork(fork);
      fork.on('message', (message: { type?: string }) => {
        if (message?.type !== 'ready') return;
        offerFork(fork);
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
