import { setTimeout as delay } from 'node:timers/promises';
import { newUser, type Target, tokenFor } from '@chat-cluster/testkit';
import { io } from 'socket.io-client';

/** Who is not in by then counts as never. */
const GIVE_UP_MS = 20_000;

export interface Newcomers {
  /** No more of them; resolves with the milliseconds that each needed until its session, infinite for those without. */
  stop(): Promise<number[]>;
}

/** New users who connect, so many a second, each with a stock client and its own retries, and leave again. */
export function letNewcomersCome(target: Target, perSecond: number): Newcomers {
  const stopped = new AbortController();
  const came: Promise<number>[] = [];
  const coming = (async () => {
    const started = performance.now();
    while (!stopped.signal.aborted) {
      while (came.length < ((performance.now() - started) / 1_000) * perSecond) came.push(comeIn(target));
      await delay(1_000 / perSecond);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await coming;
      return Promise.all(came);
    },
  };
}

async function comeIn(target: Target): Promise<number> {
  const started = performance.now();
  const socket = io(target.url, {
    forceNew: true,
    transports: ['websocket'],
    auth: { token: tokenFor(target, newUser('newcomer')) },
  });
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(resolve, GIVE_UP_MS, Number.POSITIVE_INFINITY);
      socket.once('session', () => {
        clearTimeout(timer);
        resolve(performance.now() - started);
      });
    });
  } finally {
    socket.disconnect();
  }
}
