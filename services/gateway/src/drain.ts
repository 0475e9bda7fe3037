import type { Server } from 'node:http';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Drain, Logger } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { GatewayConfig } from './config.ts';
import type { RequestsUnderWay } from './http/middleware.ts';
import type { ChatServer, ChatSocket } from './socket/chat-socket.ts';
import { closeSocket, FINISH_MS, waitUntil } from './socket/close-socket.ts';
import type { Admission } from './socket/connect/admission.ts';
import { abortConnection, connectionsOf } from './socket/engine-io.ts';

/** Slowest pace, in sockets per second. Stock clients back off for 0.5 to 1.5 s: little load for other gateways. */
export const SLOWEST_PER_SECOND = 20;
/** Sockets whose close times lie within this time are closed together, in ms. */
const BATCH_MS = 50;
/** Sockets that are notified of their close time per turn of the event loop. */
const NOTIFIED_PER_TURN = 250;
/** How long clients may take to answer the close frame when the process stops, in ms. ws would wait for 30 s. */
const CLOSE_MS = 500;
/**
 * How long the port stays open after the last socket is closed, in ms. A polling client may have sent a request before
 * it received the end of its session. It gets a 400; the load balancer would turn a TCP reset into a 502.
 */
const LINGER_MS = 300;

const draining = new Gauge({
  name: 'chat_draining',
  help: '1 from SIGTERM or POST /drain until the process ends',
  aggregator: 'max',
});
const drained = new Counter({ name: 'chat_drained_sockets_total', help: 'Sockets closed by a drain' });

export interface DrainDeps {
  io: ChatServer;
  admission: Pick<Admission, 'close'>;
  requests: Pick<RequestsUnderWay, 'closeConnections'>;
  config: Pick<GatewayConfig, 'DRAIN_DELAY_MS' | 'DRAIN_WINDOW_MS'>;
  logger: Logger;
}

/**
 * The drain of a gateway: its process ends without an effect that users notice.
 *
 *   serving ──SIGTERM, POST /drain──▶ unready ──DRAIN_DELAY_MS──▶ closing ──all sockets closed──▶ stop (lifecycle.ts)
 *                                        └─────────hurry──────────▶┘ └──hurry: all remaining sockets, at once──▶┘
 *
 * Unready. /readyz responds 503. Everything else goes on, also for new clients: the load balancer sends them until its
 * next probes have failed, and refusing them meanwhile would return needless 503s. HTTP answers close their connection.
 *
 * Closing. New clients are refused (503 with Retry-After, so that they try another gateway). Each socket has a close
 * time of its own, which it receives in `server_draining`. The times are spread evenly, with jitter, over
 * DRAIN_WINDOW_MS (less for few sockets: SLOWEST_PER_SECOND), so that clients reach the other gateways one by one. Then
 * the gateway stops reading from the socket, acknowledges the events that were read, and closes the transport. A stock
 * client treats that as a lost connection and reconnects by itself; after `disconnect(true)` it would not reconnect.
 *
 * Hurry (a second signal, or the time is up) skips the rest of the delay and the pacing, but not the acks.
 *
 * The drain ends within DRAIN_DELAY_MS + DRAIN_WINDOW_MS, plus FINISH_MS if acks are late.
 */
export class GatewayDrain implements Drain {
  readonly withinMs: number;
  readonly #deps: DrainDeps;
  /** Adds a socket to those that are being closed; undefined before closing begins. */
  #closeLast: ((socket: ChatSocket) => void) | undefined;

  constructor(deps: DrainDeps) {
    this.#deps = deps;
    this.withinMs = deps.config.DRAIN_DELAY_MS + deps.config.DRAIN_WINDOW_MS;
  }

  /** A socket whose handshake was under way when new clients were refused is closed with the last ones. */
  attach(socket: ChatSocket): void {
    this.#closeLast?.(socket);
  }

  async run(hurry: AbortSignal): Promise<void> {
    const { admission, requests, config } = this.#deps;
    draining.set(1);
    requests.closeConnections();
    await pause(config.DRAIN_DELAY_MS, hurry);
    admission.close();
    await this.#closeSockets(hurry.aborted ? 0 : config.DRAIN_WINDOW_MS, hurry);
    await pause(LINGER_MS, hurry);
  }

  async #closeSockets(windowMs: number, hurry: AbortSignal): Promise<void> {
    const sockets = [...this.#deps.io.of('/').sockets.values()];
    const overMs = Math.min(windowMs, (sockets.length / SLOWEST_PER_SECOND) * 1_000);
    this.#deps.logger.info({ sockets: sockets.length, overMs: Math.round(overMs) }, 'drain: closing sockets');
    const started = performance.now();
    const elapsed = () => performance.now() - started;
    const closes = sockets.map((socket, i): Close => ({ socket, at: (overMs * (i + Math.random())) / sockets.length }));
    const announce = ({ socket, at }: Close) =>
      socket.emit('server_draining', { reconnectInMs: Math.max(0, Math.round(at - elapsed())) });
    this.#closeLast = (socket) => {
      closes.push({ socket, at: overMs });
      announce({ socket, at: overMs });
    };

    const announcing = announceAll(closes.slice(), announce);
    const closing: Promise<void>[] = [];
    for (let next = 0; next < closes.length; ) {
      const now = hurry.aborted ? Number.POSITIVE_INFINITY : elapsed();
      for (let due = closes[next]; due && due.at <= now; due = closes[++next]) closing.push(drainSocket(due.socket));
      if (next < closes.length) await pause(BATCH_MS, hurry);
    }
    await Promise.all([announcing, ...closing]);
  }
}

/** `at`: when the socket is closed, in ms from the beginning of closing. */
type Close = { socket: ChatSocket; at: number };

/** Notifies the sockets in the order of their close times, so that the first to be closed are notified first. */
async function announceAll(closes: readonly Close[], announce: (close: Close) => void): Promise<void> {
  for (let at = 0; at < closes.length; at += NOTIFIED_PER_TURN) {
    if (at > 0) await nextTurn();
    for (const close of closes.slice(at, at + NOTIFIED_PER_TURN)) if (close.socket.connected) announce(close);
  }
}

/** Closes the socket and counts it. */
async function drainSocket(socket: ChatSocket): Promise<void> {
  if (await closeSocket(socket)) drained.inc();
}

/** Waits `ms`, or until the drain is hurried. */
function pause(ms: number, hurry: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal: hurry }).catch(() => {});
}

/**
 * Closes everything that the drain has left: no new connections, REST requests under way get their answers, and a
 * connection whose client does not answer its close frame is reset.
 */
export async function closeServers(io: ChatServer, http: Server, requests: Pick<RequestsUnderWay, 'count'>) {
  http.close();
  await waitUntil(() => requests.count() === 0, FINISH_MS);
  await waitUntil(() => connectionsOf(io).length === 0, CLOSE_MS);
  for (const connection of connectionsOf(io)) abortConnection(connection, 'forced close');
  await io.close();
}
