import { randomUUID } from 'node:crypto';
import { mapConcurrently, openConversation } from '@chat-cluster/testkit';
import type { Device, PlannedPair } from '../traffic/connection.ts';

type Gateways = readonly { url: string }[];
type TokenOf = (user: string) => string;

/** Conversations that are opened at the same time; this is not measured. */
const CONVERSATIONS_AT_ONCE = 16;

/**
 * Pairs of users, spread evenly over the gateways and over their combinations: the first user of pair i is on gateway
 * i mod n, the second 1, 2 … n-1 gateways further. Their conversations do not exist yet.
 */
export function planPairs(count: number, gateways: Gateways, tokenOf: TokenOf): PlannedPair[] {
  const n = gateways.length;
  return Array.from({ length: count }, (_, i) => {
    const second = i + 1 + (Math.floor(i / n) % Math.max(1, n - 1));
    const device = (user: string, at: number) => planDevice(user, at, gateways, tokenOf);
    return { conversationId: randomUUID(), devices: [device(`a${i}`, i), device(`b${i}`, second)] };
  });
}

/** Users without a conversation, spread over the gateways: `<name>0`, `<name>1` … */
export function planUsers(name: string, count: number, gateways: Gateways, tokenOf: TokenOf): Device[] {
  return Array.from({ length: count }, (_, i) => planDevice(`${name}${i}`, i, gateways, tokenOf));
}

function planDevice(user: string, i: number, gateways: Gateways, tokenOf: TokenOf): Device {
  return { url: gateways[i % gateways.length]?.url ?? '', user, token: tokenOf(user) };
}

/** Opens the conversations of the pairs through the REST API of our gateways. */
export async function openConversations(pairs: readonly PlannedPair[], jwtSecret: string): Promise<void> {
  await mapConcurrently(pairs, CONVERSATIONS_AT_ONCE, async (pair) => {
    const [a, b] = pair.devices;
    pair.conversationId = await openConversation({ url: a.url, jwtSecret }, a.user, b.user);
  });
}
