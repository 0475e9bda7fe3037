/*
 * The crowd: the clients of the gateway that is killed, in a process of their own, so that their cost is not mistaken
 * for latency of the bystanders. measure.ts forks it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { serveParent } from '@chat-cluster/testkit/processes';
import { CrowdClient, type CrowdCounts, type CrowdUser } from './crowd-client.ts';

/** Clients that connect at the same time at the start, which is not measured. */
const AT_ONCE = 100;
/** Time for the last messages, which are all stored, to reach the clients, in ms. */
const SETTLE_MS = 10_000;

const counts: CrowdCounts = { attempts: 0, refused: 0, duplicates: 0, extraSyncs: 0 };
let url = '';
let clients: CrowdClient[] = [];
/** When each client was in sync, in ms since the epoch; and the promise of all of them. */
let inSyncAt: number[] = [];
let allInSync = Promise.withResolvers<number[]>();
let next = 0;

const methods = {
  /** Connects all clients. Resolves, as `moveTo`, with the time at which each was in sync. */
  connect(to: { url: string; users: CrowdUser[] }): Promise<number[]> {
    url = to.url;
    clients = to.users.map((user) => new CrowdClient(user, () => url, counts, inSync));
    for (next = 0; next < Math.min(AT_ONCE, clients.length); next++) clients[next]?.connect();
    return allInSync.promise;
  },

  /** The address for all further attempts. */
  moveTo(to: string): Promise<number[]> {
    url = to;
    inSyncAt = [];
    allInSync = Promise.withResolvers();
    return allInSync.promise;
  },

  /** Compares each client with the last seq of its conversation, which is also its badge, since it reads nothing. */
  async settle(lastSeq: number[]): Promise<{ lost: number; wrongBadges: number; counts: CrowdCounts }> {
    const until = performance.now() + SETTLE_MS;
    const isWrong = ({ upTo, core }: CrowdClient, i: number) => upTo !== lastSeq[i] || core.badge !== lastSeq[i];
    while (clients.some(isWrong) && performance.now() < until) await delay(20);
    return {
      lost: clients.reduce((sum, { upTo }, i) => sum + Math.max(0, (lastSeq[i] ?? 0) - upTo), 0),
      wrongBadges: clients.filter(({ core }, i) => core.badge !== lastSeq[i]).length,
      counts,
    };
  },
};

export type CrowdMethods = typeof methods;

serveParent(methods);

function inSync(): void {
  inSyncAt.push(performance.timeOrigin + performance.now());
  clients[next++]?.connect();
  if (inSyncAt.length === clients.length) allInSync.resolve(inSyncAt);
}
