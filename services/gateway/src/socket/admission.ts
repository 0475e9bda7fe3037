import type { IncomingMessage } from 'node:http';
import { Gauge, Histogram } from 'prom-client';
import { TokenBucket } from './token-bucket.ts';

const waitingNow = new Gauge({ name: 'chat_handshakes_waiting', help: 'Handshakes that wait for their turn' });
const waits = new Histogram({
  name: 'chat_handshake_wait_seconds',
  help: 'How long admitted handshakes waited for their turn',
  buckets: [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5],
});

/** The gate of new sessions. */
export interface Admission {
  /**
   * Calls exactly one of the two, or none when the client leaves before its turn: `admitted` at once or later, in the
   * order of arrival; `refused` at once, with the milliseconds after which to come again.
   */
  admit(request: IncomingMessage, admitted: () => void, refused: (retryAfterMs: number) => void): void;
  /** Refuses those who wait and whoever comes from now on. Idempotent. */
  close(): void;
}

/** Longest wait for a turn. Stock clients give up on a handshake after 20 s; load balancers after 15 s and more. */
const MAX_WAIT_MS = 5_000;

/**
 * Makes a queue of a storm of connects. When a load balancer or a gateway dies, all its clients come back at once, and
 * each costs a token check, a room, a badge: without a gate the process that takes them in is late for everybody, its
 * new clients time out and come again. So new sessions are taken in at `perSecond`, with a burst of one second. Who
 * comes faster waits in line and is answered a little later, which a client does not notice; who would wait longer than
 * MAX_WAIT_MS is refused before any work is done for it.
 *
 * `hasRoom`: whether so many more sessions may be open. It is asked at arrival and again at the turn.
 */
export function createAdmission(perSecond: number, hasRoom: (more: number) => boolean): Admission {
  const bucket = new TokenBucket(perSecond, perSecond);
  const queue = new Set<Waiting>();
  const maxWaiting = Math.ceil((perSecond * MAX_WAIT_MS) / 1_000);
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function takeTurns(): void {
    timer = undefined;
    for (const next of queue) {
      const waitMs = bucket.take();
      if (waitMs > 0) {
        timer = setTimeout(takeTurns, waitMs);
        return;
      }
      next.stop();
      if (!hasRoom(1)) next.refused(retryAfterMs());
      else {
        waits.observe((performance.now() - next.since) / 1_000);
        next.admitted();
      }
    }
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
    if (timer === undefined) takeTurns();
  }

  return {
    admit(request, admitted, refused) {
      if (closed || queue.size >= maxWaiting || !hasRoom(queue.size + 1)) return refused(retryAfterMs());
      if (queue.size > 0 || bucket.take() > 0) return wait(request, admitted, refused);
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

/** Spread, so that those who were refused together do not come back together. */
function retryAfterMs(): number {
  return Math.ceil(MAX_WAIT_MS * (1 + Math.random()));
}
