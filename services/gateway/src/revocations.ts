import { LIMITS, parseOrReject, Rejection, toErrorPayload, userId } from '@chat-cluster/contracts';
import type { TokenRevocation, TokenRevocations } from '@chat-cluster/postgres';
import { type PubSub, REVOKED_CHANNEL } from '@chat-cluster/redis';
import { every, type Lifecycle, type Logger, logFirstFailure, type OpsAction, retry } from '@chat-cluster/runtime';
import { z } from 'zod';
import type { Identity } from './authenticate.ts';

/** Time between two reads, in ms: a revocation is effective after this time when its signal is lost. */
const READ_EVERY_MS = 30_000;
const RETRY_AFTER_MS = 1_000;

export interface RevocationDeps extends Pick<PubSub, 'publisher' | 'subscriber'> {
  store: TokenRevocations;
  /** Time between two reads, in ms. Default: READ_EVERY_MS. */
  readEveryMs?: number;
  logger: Logger;
  lifecycle: Pick<Lifecycle, 'own'>;
}

/**
 * The revoked tokens, in the memory of each gateway: those of a user that were issued before a time, and single tokens
 * by their `jti`. Postgres stores them. A signal over pub/sub makes all gateways read the changes within a second;
 * without it they read them every 30 s. While Postgres is away the known revocations stay.
 */
export class Revocations {
  readonly #deps: RevocationDeps;
  /** Time in ms, by user: earlier tokens are revoked. */
  readonly #users = new Map<string, number>();
  readonly #tokens = new Set<string>();
  readonly #listeners: (() => void)[] = [];
  #readAt: Date | undefined;

  constructor(deps: RevocationDeps) {
    this.#deps = deps;
  }

  /** False until all revocations were read once. Before, no client may be accepted. */
  get areKnown(): boolean {
    return this.#readAt !== undefined;
  }

  /** Resolves when all revocations are known and changes are followed. Waits while Postgres is away. */
  async start(): Promise<void> {
    const { subscriber, logger, lifecycle } = this.#deps;
    const failed = logFirstFailure(logger, 'revocations: reading them');
    await retry(() => this.#read(), { onFailure: failed });
    const reads = every(
      this.#deps.readEveryMs ?? READ_EVERY_MS,
      () => this.#read(),
      (error) => failed(error, 0),
    );
    lifecycle.own('revocations', reads, (repetition) => repetition.stop());
    subscriber.onGap(() => reads.now());
    void subscriber.subscribe(REVOKED_CHANNEL, () => reads.now()).then(() => reads.now());
  }

  isRevoked({ userId: user, issuedAt, tokenId }: Identity): boolean {
    const before = this.#users.get(user);
    return (before !== undefined && issuedAt < before) || (tokenId !== undefined && this.#tokens.has(tokenId));
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Action of the admin listener: stores a revocation, and signals it to all gateways. */
  readonly revoke: OpsAction = async (body) => {
    try {
      const revocation = parseRevocation(body);
      await this.#deps.store.add(revocation).catch((error: unknown) => {
        this.#deps.logger.error({ err: error }, 'revocations: one was not stored');
        throw new Rejection('UNAVAILABLE', { retryAfterMs: RETRY_AFTER_MS });
      });
      this.#apply([revocation]);
      this.#deps.publisher.publish(REVOKED_CHANNEL, '').catch((error: unknown) => {
        this.#deps.logger.warn({ reason: String(error) }, 'revocations: no signal, gateways follow within 30 s');
      });
      this.#deps.logger.info({ kind: revocation.kind, subject: revocation.subject }, 'revocations: one was added');
      return { status: 201, body: { revoked: revocation } };
    } catch (error) {
      const payload = toErrorPayload(error);
      return { status: payload.retryable ? 503 : 400, body: { error: payload } };
    }
  };

  async #read(): Promise<void> {
    const { changes, readAt } = await this.#deps.store.changedSince(this.#readAt);
    this.#apply(changes);
    this.#readAt = readAt;
  }

  #apply(changes: readonly TokenRevocation[]): void {
    const known = this.#tokens.size;
    let changed = false;
    for (const { kind, subject, issuedBefore } of changes) {
      const before = issuedBefore.getTime();
      if (kind === 'token') this.#tokens.add(subject);
      else if ((this.#users.get(subject) ?? 0) < before) {
        this.#users.set(subject, before);
        changed = true;
      }
    }
    if (changed || this.#tokens.size > known) for (const listener of this.#listeners) listener();
  }
}

const request = z.union(
  [
    z.strictObject({ userId, issuedBefore: z.iso.datetime({ offset: true }).optional() }),
    z.strictObject({ jti: z.string().min(1).max(LIMITS.tokenIdLength) }),
  ],
  'must be {userId, issuedBefore?} with an ISO 8601 time, or {jti}',
);

function parseRevocation(body: unknown): TokenRevocation {
  const parsed = parseOrReject(request, body);
  const now = new Date();
  if ('jti' in parsed) return { kind: 'token', subject: parsed.jti, issuedBefore: now };
  const issuedBefore = parsed.issuedBefore === undefined ? now : new Date(parsed.issuedBefore);
  if (issuedBefore > now)
    throw new Rejection('VALIDATION_FAILED', { message: 'issuedBefore: must not be in the future' });
  return { kind: 'user', subject: parsed.userId, issuedBefore };
}
