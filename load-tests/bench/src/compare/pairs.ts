import { randomUUID } from 'node:crypto';
import { signToken } from '@chat-cluster/local';
import type { PlannedPair } from './wire.ts';

/**
 * Pairs of users who are on two different gateways when there are two; which of both has the first alternates. The
 * conversations are not made yet.
 */
export function planPairs(count: number, gateways: readonly { url: string }[], jwtSecret: string): PlannedPair[] {
  return Array.from({ length: count }, (_, i) => {
    const device = (user: string, k: number) => ({
      url: gateways[k % gateways.length]?.url ?? '',
      user,
      token: signToken(user, jwtSecret),
    });
    return { conversationId: randomUUID(), devices: [device(`a${i}`, i), device(`b${i}`, i + 1)] };
  });
}
