import {
  connect,
  connectElsewhere,
  newUser,
  openConversation,
  type Target,
  type TestClient,
} from '@chat-cluster/testkit';

export interface Pair {
  conversationId: string;
  devices: [TestClient, TestClient];
}

/** So many users connect at a time: connecting is not what is measured. */
const AT_ONCE = 10;

/** Pairs of connected users, each pair on two different gateways when there are two. */
export async function connectPairs(target: Target & { gateways: readonly string[] }, count: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  while (pairs.length < count) {
    const more = Math.min(AT_ONCE, count - pairs.length);
    pairs.push(...(await Promise.all(Array.from({ length: more }, () => connectPair(target)))));
  }
  return pairs;
}

async function connectPair(target: Target & { gateways: readonly string[] }): Promise<Pair> {
  const [a, b] = [newUser('a'), newUser('b')];
  const conversationId = await openConversation(target, a, b);
  const options = { transports: ['websocket'] };
  const first = await connect(target, a, options);
  const second =
    target.gateways.length > 1
      ? await connectElsewhere(target, b, first.session.gatewayId, options)
      : await connect(target, b, options);
  for (const client of [first, second]) client.socket.removeAllListeners();
  return { conversationId, devices: [first, second] };
}
