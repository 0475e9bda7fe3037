import { randomUUID } from 'node:crypto';
import { signToken } from '@chat-cluster/local-cluster';
import type { Device, PlannedPair } from './wire.ts';

type Place = readonly { url: string }[];

/**
 * Pairs of users who are on two different gateways when there are two; which of both has the first alternates. The
 * conversations are not made yet.
 */
export function planPairs(count: number, gateways: Place, jwtSecret: string): PlannedPair[] {
  return Array.from({ length: count }, (_, i) => ({
    conversationId: randomUUID(),
    devices: [planDevice(`a${i}`, i, gateways, jwtSecret), planDevice(`b${i}`, i + 1, gateways, jwtSecret)],
  }));
}

/** Users without a conversation, spread over the gateways. */
export function planIdle(count: number, gateways: Place, jwtSecret: string): Device[] {
  return Array.from({ length: count }, (_, i) => planDevice(`idle${i}`, i, gateways, jwtSecret));
}

function planDevice(user: string, k: number, gateways: Place, jwtSecret: string): Device {
  return { url: gateways[k % gateways.length]?.url ?? '', user, token: signToken(user, jwtSecret) };
}
