import cluster, { type Worker } from 'node:cluster';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { announceReady, backoff, createLogger, Lifecycle, type Logger } from '@chat-cluster/runtime';
import { setupMaster } from '@socket.io/sticky';
import type { GatewayConfig } from './config.ts';
import { answerMetricsRequests } from './fork-metrics.ts';
import { HTTP_DEADLINES, listen } from './listen.ts';
import { confirmSessions, stopReadingOnHandover } from './sticky.ts';

/**
 * One pod, many cores: this process owns the port and hands each connection to one of its forks, always the same for
 * the same Socket.IO session, so long-polling works. A fork that dies is replaced; its clients come back to any fork.
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
  answerMetricsRequests();
  confirmSessions();

  const port = await listen(entry, config);
  lifecycle.own('entry', entry, (server) => server.close());
  const forks = lifecycle.own('forks', new Set<Worker>(), stopForks);
  await Promise.all(names.map((name) => keepAlive(name, forks, lifecycle, logger)));

  logger.info({ port, gateways: names }, 'gateway: ready');
  announceReady({ type: 'ready', port, gateways: names });
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
function keepAlive(name: string, forks: Set<Worker>, lifecycle: Lifecycle, logger: Logger): Promise<void> {
  return new Promise((resolve, reject) => {
    let served = false;
    let failures = 0;
    const start = () => {
      const fork = cluster.fork({ GATEWAY_NAME: name });
      stopReadingOnHandover(fork);
      forks.add(fork);
      delete cluster.workers?.[fork.id];
      fork.on('message', (message: { type?: string }) => {
        if (message?.type !== 'ready') return;
        if (cluster.workers) cluster.workers[fork.id] = fork;
        served = true;
        failures = 0;
        resolve();
      });
      fork.once('exit', async (code, signal) => {
        forks.delete(fork);
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

/** The fork has said on stderr why it could not start. */
class StartError extends Error {
  code = 'FORK_FAILED';
  constructor(name: string) {
    super(`${name} could not start (see above).`);
  }
}

async function stopForks(forks: Set<Worker>): Promise<void> {
  await Promise.all(
    [...forks].map(
      (fork) =>
        new Promise<void>((resolve) => {
          fork.once('exit', () => resolve());
          fork.process.kill('SIGTERM');
        }),
    ),
  );
}
