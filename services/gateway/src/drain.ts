import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Drain, Logger } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { RequestsUnderWay } from './http/requests-under-way.ts';
import type { Admission } from './socket/connect/admission.ts';
import type { ChatServer, ChatSocket } from './socket/server.ts';

/*
 * How a gateway leaves without anybody noticing.
 *
 *   serving ──SIGTERM, POST /drain──▶ unready ──delayMs──▶ moving ──every socket is gone──▶ stop (lifecycle.ts)
 *                                        └──────hurry──────▶┘ └──hurry: all that are left, at once──▶┘
 *
 * Unready. /readyz answers 503; everything else goes on, for newcomers too: a load balancer sends them until its next
 * looks have failed, and whom we refused meanwhile would get an error for nothing. HTTP answers close their connection.
 *
 * Moving. Newcomers are refused (503 with Retry-After: whoever still comes is to go elsewhere). Each socket has a moment of
 * its own, which it hears as `server_draining`. The moments are spread evenly, with jitter, over windowMs or less: at
 * least SLOWEST_PER_SECOND sockets leave in a second, so a few are gone soon, and never more than the window demands, so
 * the other gateways hear of this one's clients in a trickle. At its moment a socket is no longer read, the events that
 * were read get their acks, and its transport is closed. That is a lost connection to a stock client, which comes back by
 * itself; after `disconnect(true)` it would stay away. What it sent and we did not read has no ack, so it is sent again.
 *
 * Hurry (a second signal, or the time is up) skips what is left of delay and pacing, but not the acks.
 */

/** Sockets a second: with the back-off of stock clients (0.5 to 1.5 s) hardly more than noise for another gateway. */
export const SLOWEST_PER_SECOND = 20;
/** Those whose moment has come leave together. */
const BATCH_MS = 50;
/** Told of their moment in one turn of the event loop. */
const TOLD_AT_ONCE = 250;
/** A socket waits so long for the acks of its events; then it is closed without, and its client sends again. */
const FINISH_MS = 3_000;
/**
 * The port stays open so long after the last socket: a polling client may have sent a request before it heard that its
 * session is over. It gets 400 then, and the balancer no reset, which it would make a 502 of.
 */
const LINGER_MS = 300;
/** From one look at a busy socket to the next. */
const LOOK_MS = 10;

const draining = new Gauge({
  name: 'chat_draining',
  help: '1 from SIGTERM or POST /drain until the process ends',
  aggregator: 'max',
});
const drained = new Counter({ name: 'chat_drained_sockets_total', help: 'Sockets that a drain has closed' });

export interface DrainDeps {
  io: ChatServer;
  admission: Pick<Admission, 'close'>;
  requests: Pick<RequestsUnderWay, 'closeConnections'>;
  /** Milliseconds. */
  delayMs: number;
  windowMs: number;
  logger: Logger;
}

/** The drain of a gateway process. It ends within `delayMs + windowMs`, or FINISH_MS later where acks are late. */
export function createDrain({ io, admission, requests, delayMs, windowMs, logger }: DrainDeps): Drain {
  return {
    withinMs: delayMs + windowMs,
    async run(hurry) {
      draining.set(1);
      requests.closeConnections();
      await pause(delayMs, hurry);
      admission.close();
      await moveSockets(io, hurry.aborted ? 0 : windowMs, hurry, logger);
      await pause(LINGER_MS, hurry);
    },
  };
}

interface Slot {
  socket: ChatSocket;
  /** Milliseconds from the begin of moving. */
  at: number;
}

async function moveSockets(io: ChatServer, windowMs: number, hurry: AbortSignal, logger: Logger): Promise<void> {
  const sockets = [...io.of('/').sockets.values()];
  const overMs = Math.min(windowMs, (sockets.length / SLOWEST_PER_SECOND) * 1_000);
  logger.info({ sockets: sockets.length, overMs: Math.round(overMs) }, 'drain: sockets are moved');
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const slots = sockets.map((socket, i): Slot => ({ socket, at: (overMs * (i + Math.random())) / sockets.length }));
  const tell = ({ socket, at }: Slot) =>
    socket.emit('server_draining', { reconnectInMs: Math.max(0, Math.round(at - elapsed())) });
  // In the middle of its handshake when newcomers were refused.
  io.on('connection', (socket) => {
    const last = { socket, at: overMs };
    slots.push(last);
    tell(last);
  });

  const telling = tellAll(slots.slice(), tell);
  const leaving: Promise<void>[] = [];
  for (let next = 0; next < slots.length; ) {
    const now = hurry.aborted ? Number.POSITIVE_INFINITY : elapsed();
    for (let slot = slots[next]; slot && slot.at <= now; slot = slots[++next]) leaving.push(letGo(slot.socket));
    if (next < slots.length) await pause(BATCH_MS, hurry);
  }
  await Promise.all([telling, ...leaving]);
}

/** The first ones leave first, so they are told first. */
async function tellAll(slots: readonly Slot[], tell: (slot: Slot) => void): Promise<void> {
  for (let at = 0; at < slots.length; at += TOLD_AT_ONCE) {
    if (at > 0) await nextTurn();
    for (const slot of slots.slice(at, at + TOLD_AT_ONCE)) if (slot.socket.connected) tell(slot);
  }
}

/** Answers what was read from the socket, reads no more, and closes its transport. */
async function letGo(socket: ChatSocket): Promise<void> {
  const { transport } = socket.conn as unknown as Connection;
  transport.socket?.pause();
  const until = performance.now() + FINISH_MS;
  while (isBusy(socket, transport) && performance.now() < until) await delay(LOOK_MS);
  transport.socket?.resume();
  if (!socket.connected) return;
  socket.conn.close();
  drained.inc();
}

function isBusy(socket: ChatSocket, transport: Connection['transport']): boolean {
  return socket.connected && (socket.data.underWay > 0 || Boolean(transport.dataReq));
}

function pause(ms: number, hurry: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal: hurry }).catch(() => {});
}

/** What this file needs of an engine.io socket (6.6), some of it private there. */
interface Connection {
  readonly transport: {
    /** Only of a websocket transport. */
    readonly socket?: { pause(): void; resume(): void };
    /** Only of long-polling: a POST that is being read, which a close would cut off (a 502 of the load balancer). */
    readonly dataReq?: unknown;
  };
}
