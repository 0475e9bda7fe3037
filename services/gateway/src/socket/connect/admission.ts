import type { IncomingMessage } from 'node:http';
import { Gauge, Histogram } from 'prom-client';

const waitingNow = new Gauge({ name: 'chat_handshakes_waiting', help: 'Handshakes that wait for their turn' });
const waits = new Histogram({
  name: 'chat_handshake_wait_seconds',
  help: 'How long admitted handshakes waited for their turn',
  buckets: [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 8, 12],
});

/** The gate of new sessions. */
export interface Admission {
  /**
   * Calls exactly one of the two, or none when the client leaves before its turn: `admitted` at once or later, in the
   * order of arrival; `refused` at once or later, with the milliseconds after which to come again.
   */
  admit(request: IncomingMessage, admitted: () => void, refused: (retryAfterMs: number) => void): void;
  /** Refuses those who wait and whoever comes from now on. Idempotent. */
  close(): void;
}

/** From one round of admissions to the next. Those of a round share subscriptions and queries, so it is no shorter. */
const ROUND_MS = 50;
/** Sessions of the first round, 320 a second; and of a late one at least so many. Less when `perSecond` is less. */
const FIRST_ROUND = 16;
const SMALLEST_ROUND = 4;
/** A round is larger than the one before by so many. */
const GROWTH = 4;
/** A round that comes later than this by the clock makes the next ones smaller. */
const LATE_MS = 100;
/**
 * Who would wait longer at the pace of now is refused at once, and who did wait longer than the second at its turn:
 * stock clients give up on a handshake after 20 s, load balancers after 15 s and more.
 */
const MAX_WAIT_MS = 8_000;
const LONGEST_WAIT_MS = 12_000;
/** Nobody is told to come again sooner. */
const SHORTEST_RETRY_MS = 1_000;

/**
 * Makes a queue of a storm of connects. When a load balancer or a gateway dies, all its clients come back at once, and
 * each costs a token check, a room, a badge, a sync: without a gate the process that takes them in is late for everybody,
 * its new clients time out and come again. So new sessions are taken in by rounds, as many as the process stands:
 *
 * - A round every ROUND_MS. While somebody waits and rounds are on time, each is larger by GROWTH than the last: from 320
 *   a second to 1,000 in half a second, and on to `perSecond`.
 * - A round that is late by more than LATE_MS shows an event loop that can not keep up, with connects or with anything
 *   else: the next round is smaller by a third. Events of those who are connected are late by about as much, not more.
 * - Who comes while nobody waits goes through at once, up to FIRST_ROUND in a round. The others wait for its end, so that
 *   they come in together: they share subscriptions and queries, and the turns of the event loop between are free for
 *   accepting connections, one in each.
 *
 * Who would wait too long is refused before any work is done for it, and told to come when the line of now will be gone.
 * `hasRoom`: whether so many more sessions may be open. It is asked at arrival and again at the turn.
 */
export function createAdmission(perSecond: number, hasRoom: (more: number) => boolean): Admission {
  const roundMs = Math.max(ROUND_MS, 1_000 / perSecond);
  const largest = (perSecond * roundMs) / 1_000;
  const queue = new Set<Waiting>();
  const [first, smallest] = [Math.min(FIRST_ROUND, largest), Math.min(SMALLEST_ROUND, largest)];
  let round = first;
  /** Sessions that may still be admitted in this round, and of those the ones that need not wait for its end. */
  let left = round;
  let atOnce = first;
  let timer: NodeJS.Timeout | undefined;
  let dueAt = 0;
  let closed = false;

  function startRound(): void {
    dueAt = performance.now() + roundMs;
    timer = setTimeout(endRound, roundMs);
  }

  function endRound(): void {
    timer = undefined;
    if (performance.now() - dueAt > LATE_MS) round = Math.max(smallest, round * (2 / 3));
    else if (queue.size > 0) round = Math.min(largest, round + GROWTH);
    left = round + (left % 1);
    atOnce = first;
    // Before the turns are taken: what they take is part of what makes the next round late.
    if (queue.size > 0) startRound();
    else round = Math.max(round, first);
    for (const next of queue) {
      if (left < 1) break;
      takeTurn(next);
    }
  }

  function takeTurn(next: Waiting): void {
    const waited = performance.now() - next.since;
    next.stop();
    if (waited > LONGEST_WAIT_MS || !hasRoom(1)) {
      next.refused(retryAfterMs());
      return;
    }
    left--;
    waits.observe(waited / 1_000);
    next.admitted();
  }

  /** Milliseconds that the last of the line will have waited, at the pace of now. */
  function lineMs(): number {
    return (queue.size / round) * roundMs;
  }

  /** Behind the line of now, and spread, so that those who were refused together do not come back together. */
  function retryAfterMs(): number {
    return Math.ceil(Math.max(SHORTEST_RETRY_MS, lineMs()) * (1 + Math.random()));
  }

  function wait(request: IncomingMessage, admitted: Waiting['admitted'], refused: Waiting['refused']): void {
    const { socket } = request;
    const leave = () => {
      waiting.stop();
      socket.destroy();
    };
    const waiting: Waiting = {
      since: performance.now(),
      admitted,
      refused,
      stop() {
        queue.delete(waiting);
        waitingNow.set(queue.size);
        for (const event of LEAVING) socket.off(event, leave);
      },
    };
    for (const event of LEAVING) socket.on(event, leave);
    queue.add(waiting);
    waitingNow.set(queue.size);
    if (timer === undefined) startRound();
  }

  return {
    admit(request, admitted, refused) {
      if (closed || lineMs() > MAX_WAIT_MS || !hasRoom(queue.size + 1)) return refused(retryAfterMs());
      if (queue.size > 0 || Math.min(left, atOnce) < 1) return wait(request, admitted, refused);
      left--;
      atOnce--;
      if (timer === undefined) startRound();
      waits.observe(0);
      admitted();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const waiting of queue) {
        waiting.stop();
        waiting.refused(retryAfterMs());
      }
    },
  };
}

interface Waiting {
  /** Monotonic milliseconds. */
  since: number;
  admitted(): void;
  refused(retryAfterMs: number): void;
  /** Gives up the place. */
  stop(): void;
}

/** A client that half-closes has left too. An upgrade's socket has no other listeners, and an error needs one. */
const LEAVING = ['end', 'close', 'error'] as const;
