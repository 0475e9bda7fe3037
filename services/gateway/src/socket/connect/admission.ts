import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Gauge, Histogram } from 'prom-client';

const waitingNow = new Gauge({ name: 'chat_handshakes_waiting', help: 'Handshakes in the queue of the connect gate' });
const waits = new Histogram({
  name: 'chat_handshake_wait_seconds',
  help: 'Time that admitted handshakes waited in the queue of the connect gate',
  buckets: [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 8, 12],
});

/** Time between two rounds, in ms. Sessions of a round share subscriptions and queries, so rounds are not shorter. */
const ROUND_MS = 50;
/** Sessions of the first round (320 per second), and the lower limit of later rounds; `perSecond` limits both. */
const FIRST_ROUND = 16;
const SMALLEST_ROUND = 4;
/** Sessions added to each further round while the event loop keeps up. */
const GROWTH = 4;
/** Lateness of a round, in ms, above which the next round is smaller. */
const LATE_MS = 100;
/**
 * Longest expected wait of a session that is queued, and longest real wait of one that is admitted, in ms. Stock
 * clients give up on a handshake after 20 s, load balancers after 15 s and more.
 */
const MAX_WAIT_MS = 8_000;
const LONGEST_WAIT_MS = 12_000;
/** Shortest delay that a refused client is given, in ms. */
const SHORTEST_RETRY_MS = 1_000;

/**
 * The gate of new sessions: turns a storm of connects into a queue. When a load balancer or a gateway dies, all its
 * clients reconnect at once, and each costs a token check, a room, a badge and a sync. Without a gate the process that
 * admits them is late for all its clients, the new ones time out, and they connect again. So new sessions are admitted
 * in rounds, as many as the event loop can handle:
 *
 * - There is a round every ROUND_MS. While sessions wait and rounds are on time, each round is larger than the last by
 *   GROWTH: from 320 per second to 1,000 within half a second, and on up to `perSecond`.
 * - A round that is late by more than LATE_MS shows that the event loop does not keep up, with connects or with other
 *   work: the next round is smaller by a third. So events of connected clients are delayed by little more than that.
 * - A session that arrives while none waits is admitted at once, up to FIRST_ROUND per round. The others wait for the
 *   end of the round and are admitted together. Between rounds the event loop accepts connections, one per turn.
 *
 * A session that would wait too long is refused before any work is done for it, with the time at which the current
 * queue will be empty.
 */
export class Admission {
  readonly #hasRoom: (more: number) => boolean;
  readonly #roundMs: number;
  /** Bounds of the size of a round. */
  readonly #largest: number;
  readonly #first: number;
  readonly #queue = new Set<Waiting>();
  /** Size of a round. */
  #round: number;
  /** Sessions that may still be admitted in this round, and how many of them without waiting for its end. */
  #left: number;
  #leftAtOnce: number;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #closed = false;

  /** `hasRoom`: whether this many more sessions may be open. It is called on arrival and again on admission. */
  constructor(perSecond: number, hasRoom: (more: number) => boolean) {
    this.#hasRoom = hasRoom;
    this.#roundMs = Math.max(ROUND_MS, 1_000 / perSecond);
    this.#largest = (perSecond * this.#roundMs) / 1_000;
    this.#first = Math.min(FIRST_ROUND, this.#largest);
    this.#round = this.#left = this.#leftAtOnce = this.#first;
  }

  /**
   * Calls exactly one of the two, at once or later, or none if the client leaves while it waits. Sessions are admitted
   * in the order of arrival. `refused` gets the time in ms after which the client should try again.
   */
  admit({ socket }: IncomingMessage, admitted: () => void, refused: (retryAfterMs: number) => void): void {
    if (this.#closed || this.#queueMs() > MAX_WAIT_MS || !this.#hasRoom(this.#queue.size + 1)) {
      refused(this.#retryAfterMs());
      return;
    }
    this.#startRound();
    if (this.#queue.size > 0 || Math.min(this.#left, this.#leftAtOnce) < 1) {
      this.#enqueue(socket, admitted, refused);
      return;
    }
    this.#left--;
    this.#leftAtOnce--;
    waits.observe(0);
    admitted();
  }

  /** Refuses all waiting sessions, and every one that arrives from now on. Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiting of this.#queue) {
      this.#dequeue(waiting);
      waiting.refused(this.#retryAfterMs());
    }
  }

  #startRound(): void {
    if (this.#timer !== undefined) return;
    this.#dueAt = performance.now() + this.#roundMs;
    this.#timer = setTimeout(() => this.#endRound(), this.#roundMs);
  }

  #endRound(): void {
    this.#timer = undefined;
    const smallest = Math.min(SMALLEST_ROUND, this.#largest);
    if (performance.now() - this.#dueAt > LATE_MS) this.#round = Math.max(smallest, this.#round * (2 / 3));
    else if (this.#queue.size > 0) this.#round = Math.min(this.#largest, this.#round + GROWTH);
    this.#left = this.#round + (this.#left % 1);
    this.#leftAtOnce = this.#first;
    // Before the admissions, so that their cost counts towards the lateness of the next round.
    if (this.#queue.size > 0) this.#startRound();
    else this.#round = Math.max(this.#round, this.#first);
    for (const next of this.#queue) {
      if (this.#left < 1) break;
      this.#dequeue(next);
      const waited = performance.now() - next.since;
      if (waited > LONGEST_WAIT_MS || !this.#hasRoom(1)) {
        next.refused(this.#retryAfterMs());
        continue;
      }
      this.#left--;
      waits.observe(waited / 1_000);
      next.admitted();
    }
  }

  #enqueue(socket: Socket, admitted: Waiting['admitted'], refused: Waiting['refused']): void {
    const onLeave = () => {
      this.#dequeue(waiting);
      socket.destroy();
    };
    const waiting: Waiting = { since: performance.now(), socket, onLeave, admitted, refused };
    for (const event of LEAVE_EVENTS) socket.on(event, onLeave);
    this.#queue.add(waiting);
    waitingNow.set(this.#queue.size);
  }

  #dequeue(waiting: Waiting): void {
    this.#queue.delete(waiting);
    waitingNow.set(this.#queue.size);
    for (const event of LEAVE_EVENTS) waiting.socket.off(event, waiting.onLeave);
  }

  /** Time in ms until the last waiting session is admitted, at the current pace. */
  #queueMs(): number {
    return (this.#queue.size / this.#round) * this.#roundMs;
  }

  /** After the current queue, and randomized, so that clients refused together do not return together. */
  #retryAfterMs(): number {
    return Math.ceil(Math.max(SHORTEST_RETRY_MS, this.#queueMs()) * (1 + Math.random()));
  }
}

interface Waiting {
  /** Time of arrival, by `performance.now()`. */
  since: number;
  socket: Socket;
  onLeave(): void;
  admitted(): void;
  refused(retryAfterMs: number): void;
}

/** A client that half-closes has left too. The socket of an upgrade has no other listeners, and `error` needs one. */
const LEAVE_EVENTS = ['end', 'close', 'error'] as const;
