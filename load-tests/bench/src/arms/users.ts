import { randomUUID } from 'node:crypto';
import { type Group, LIMITS } from '@chat-cluster/contracts';
import { UserError } from '@chat-cluster/runtime';
import { api, mapConcurrently, openConversation, type Target } from '@chat-cluster/testkit';
import type { Device, PlannedPair } from '../traffic/connection.ts';

type Gateways = readonly { url: string }[];
type TokenOf = (user: string) => string;

/** Conversations that are opened or created at the same time; this is not measured. */
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

/** Users who share their groups. The last ones may be nearly twice as many. */
export const GROUP_SIZE = 50;

/** Makes each of these users a member of `count` groups that have a room. Successive users share their groups. */
export async function createGroups(target: Target, devices: readonly Device[], count: number): Promise<void> {
  if (devices.length <= LIMITS.smallGroup) {
    throw new UserError(`Groups with a room need more than ${LIMITS.smallGroup} users; there are ${devices.length}.`);
  }
  const last = Math.max(0, Math.floor(devices.length / GROUP_SIZE) - 1);
  const blocks = [...Map.groupBy(devices.entries(), ([i]) => Math.min(last, Math.floor(i / GROUP_SIZE))).values()];
  // Block by block, because concurrent changes of one user wait for each other.
  const groups = Array.from({ length: count }, () => blocks).flat();
  await mapConcurrently(groups, CONVERSATIONS_AT_ONCE, (members) => {
    return createGroup(
      target,
      members.map(([, { user }]) => user),
    );
  });
}

/** Creates a group of these users through the REST API of our gateways, and returns its id. The first is the owner. */
export async function createGroup(target: Target, [owner, ...userIds]: readonly string[]): Promise<string> {
  const { status, body } = await api<Group>(target, owner, 'POST', '/api/groups', { title: 'Load', userIds });
  if (status !== 201) throw new Error(`POST /api/groups: ${status} ${JSON.stringify(body)}`);
  return body.id;
}
