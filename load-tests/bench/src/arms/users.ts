import { randomUUID } from 'node:crypto';
import { signToken } from '@chat-cluster/local-cluster';
import { mapConcurrently, openConversation } from '@chat-cluster/testkit';
import type { Device, PlannedPair } from '../traffic/connection.ts';

type Gateways = readonly { url: string }[];

/** Conversations that are opened at the same time; this is not measured. */
export const CONVERSATIONS_AT_ONCE = 16;

/**
 * Pairs of users, spread evenly over the gateways and over their combinations: the first user of pair i is on gateway
 * i mod n, the second 1, 2 … n-1 gateways further. Their conversations do not exist yet.
 */
export function planPairs(count: number, gateways: Gateways, jwtSecret: string): PlannedPair[] {
  const n = gateways.length;
  return Array.from({ length: count }, (_, i) => {
    const second = i + 1 + (Math.floor(i / n) % Math.max(1, n - 1));
    const devices: PlannedPair['devices'] = [
      planDevice(`a${i}`, i, gateways, jwtSecret),
      planDevice(`b${i}`, second, gateways, jwtSecret),
    ];
    return { conversationId: randomUUID(), devices };
  });
}

/** Users without a conversation, spread over the gateways: `<name>0`, `<name>1` … */
export function planUsers(name: string, count: number, gateways: Gateways, jwtSecret: string): Device[] {
  return Array.from({ length: count }, (_, i) => planDevice(`${name}${i}`, i, gateways, jwtSecret));
}

function planDevice(user: string, i: number, gateways: Gateways, jwtSecret: string): Device {
  return { url: gateways[i % gateways.length]?.url ?? '', user, token: signToken(user, jwtSecret) };
}

/** Opens the conversations of the pairs through the REST API of our gateways. */
export async function openConversations(pairs: readonly PlannedPair[], jwtSecret: string): Promise<void> {
  await mapConcurrently(pairs, CONVERSATIONS_AT_ONCE, async (pair) => {
    const [a, b] = pair.devices;
    pair.conversationId = await openConversation({ url: a.url, jwtSecret }, a.user, b.user);
  });
}
