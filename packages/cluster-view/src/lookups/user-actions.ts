import { type ActionResult, Rejection, type UserId } from '@chat-cluster/contracts';
import { requestOfUser, signalRevocation } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { z } from 'zod';
import { readSnapshots } from '../snapshots/snapshot-store.ts';
import type { UserDeps } from './view-user.ts';

/** Time limit for the gateways to close the connections, in ms: longer than a socket waits for the acks of its events. */
const CLOSED_WITHIN_MS = 5_000;

/** Closes the connections of a user; clients may reconnect. Rejects with UNAVAILABLE while Redis is away. */
export async function disconnectUser(deps: UserDeps, userId: UserId): Promise<ActionResult> {
  const { replies, missing } = await requestOfUser(deps, userId, 'close', CLOSED_WITHIN_MS).catch(() => {
    throw new Rejection('UNAVAILABLE', { message: 'Redis does not respond, so the gateways cannot be reached.' });
  });
  const closed = replies.reduce<number>((sum, one) => sum + (reply.safeParse(one).data?.closed ?? 0), 0);
  const done = `${closed} ${closed === 1 ? 'connection was' : 'connections were'} closed.`;
  if (missing === 0) return { done };
  return { done, failed: [{ id: userId, reason: `${missing} of the user's gateways did not reply in time` }] };
}

const reply = z.object({ closed: z.number() });

/** Rejects the tokens of a user that were issued until now; gateways then close the connections that have them. */
export async function revokeUser(deps: UserDeps & { logger: Logger }, userId: UserId): Promise<ActionResult> {
  const limits = await limitsOfGateways(deps);
  const known = await deps.revocations.ofUser(userId);
  // A user who is revoked already takes no more memory of the gateways.
  if (!known && (await deps.revocations.count(limits.most)) >= limits.most) {
    throw new Rejection('LIMIT_EXCEEDED', {
      message: `${limits.most} revocations are in force, the maximum (MAX_REVOCATIONS).`,
    });
  }
  const issuedBefore = new Date();
  const revocation = await deps.revocations.add({ kind: 'user', subject: userId, issuedBefore, keptMs: limits.keptMs });
  try {
    await signalRevocation(deps.publisher, revocation);
  } catch (error) {
    deps.logger.warn({ reason: String(error) }, 'cluster view: no signal of a revocation, gateways follow within 10 s');
    return {
      done: 'The tokens are revoked. Redis does not respond, so gateways follow when they read the revocations.',
    };
  }
  return { done: 'The tokens issued until now are revoked, and their connections are being closed.' };
}

/** JWT_MAX_AGE_MS and MAX_REVOCATIONS, as the gateways have them: the longest time and the smallest number. */
async function limitsOfGateways({ cache }: UserDeps): Promise<{ keptMs: number | null; most: number }> {
  const { kept } = await readSnapshots(cache).catch(() => ({ kept: [] }));
  const limits = kept.flatMap(({ snapshot }) => (snapshot.kind === 'gateway' ? [snapshot.limits] : []));
  const ages = limits.map(({ tokenMaxAgeMs = 0 }) => tokenMaxAgeMs);
  const isBounded = ages.length > 0 && ages.every((age) => age > 0);
  const numbers = limits.flatMap(({ maxRevocations }) => maxRevocations ?? []);
  return { keptMs: isBounded ? Math.max(...ages) : null, most: Math.min(DEFAULT_MAX_REVOCATIONS, ...numbers) };
}

/** Upper bound of MAX_REVOCATIONS, while no gateway reports its own. */
const DEFAULT_MAX_REVOCATIONS = 10_000_000;
