import {
  connect,
  connectElsewhere,
  newUser,
  openConversation,
  type Target,
  type TestClient,
} from '@chat-cluster/testkit';
import type { Pods } from './pods.ts';

export interface Pair {
  conversationId: string;
  devices: [TestClient, TestClient];
}

/** So many pairs connect at a time: connecting is not what is measured. */
const AT_ONCE = 10;
const WEBSOCKET = { transports: ['websocket'] };

/** Pairs of connected users behind one entry, each pair on two different gateways when there are two. */
export function connectPairs(target: Target & { gateways: readonly string[] }, count: number): Promise<Pair[]> {
  return inGroups(count, async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(target, a, b);
    const first = await connect(target, a, WEBSOCKET);
    const second =
      target.gateways.length > 1
        ? await connectElsewhere(target, b, first.session.gatewayId, WEBSOCKET)
        : await connect(target, b, WEBSOCKET);
    return pairOf(conversationId, first, second);
  });
}

/**
 * Pairs of connected users, spread evenly over the gateways and over their combinations: the first user of pair i is on
 * gateway i mod n, the second 1, 2 … n-1 gateways further. With one gateway both are there.
 */
export function spreadPairs({ jwtSecret, gateways }: Pods, count: number): Promise<Pair[]> {
  const n = gateways.length;
  return inGroups(count, async (i) => {
    const place = (k: number): Target => ({ url: gateways[k % n]?.url ?? '', jwtSecret });
    const first = place(i);
    const second = place(i + 1 + (Math.floor(i / n) % Math.max(1, n - 1)));
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(first, a, b);
    return pairOf(conversationId, await connect(first, a, WEBSOCKET), await connect(second, b, WEBSOCKET));
  });
}

/** Closes the devices of all pairs. */
export function closePairs(pairs: readonly Pair[]): void {
  for (const { devices } of pairs) for (const device of devices) device.close();
}

async function inGroups(count: number, make: (i: number) => Promise<Pair>): Promise<Pair[]> {
  const pairs: Pair[] = [];
  while (pairs.length < count) {
    const from = pairs.length;
    const more = Math.min(AT_ONCE, count - from);
    pairs.push(...(await Promise.all(Array.from({ length: more }, (_, i) => make(from + i)))));
  }
  return pairs;
}

function pairOf(conversationId: string, ...devices: [TestClient, TestClient]): Pair {
  for (const client of devices) client.socket.removeAllListeners();
  return { conversationId, devices };
}
