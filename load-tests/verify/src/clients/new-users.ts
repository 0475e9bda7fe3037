import { newUser, type Target, tokenFor } from '@chat-cluster/testkit';
import { io } from 'socket.io-client';
import { openLoop } from './open-loop.ts';

/** Time after which a user counts as never connected, in ms. */
const CONNECT_TIMEOUT_MS = 20_000;

export interface NewUsers {
  /** Connects no more users. Resolves with the ms of each user until its session; Infinity: never connected. */
  stop(): Promise<number[]>;
}

/** Connects `perSecond` new users a second by stock clients with their retries. Each leaves after its session. */
export function connectNewUsers(target: Target, perSecond: number): NewUsers {
  const connects: Promise<number>[] = [];
  const loop = openLoop(perSecond, () => connects.push(connectOnce(target)));
  return {
    async stop() {
      await loop.stop();
      return Promise.all(connects);
    },
  };
}

async function connectOnce(target: Target): Promise<number> {
  const started = performance.now();
  const socket = io(target.url, {
    forceNew: true,
    transports: ['websocket'],
    auth: { token: tokenFor(target, newUser('newcomer')) },
  });
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(resolve, CONNECT_TIMEOUT_MS, Number.POSITIVE_INFINITY);
      socket.once('session', () => {
        clearTimeout(timer);
        resolve(performance.now() - started);
      });
    });
  } finally {
    socket.disconnect();
  }
}
