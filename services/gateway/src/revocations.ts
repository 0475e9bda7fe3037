import { HTTP_STATUS, LIMITS, parseOrReject, Rejection, toErrorPayload, userId } from '@chat-cluster/contracts';
import { EVERYONE, type NewRevocation, type TokenRevocation, type TokenRevocations } from '@chat-cluster/postgres';
import { type PubSub, REVOKED_CHANNEL, signalRevocation } from '@chat-cluster/redis';
import { every, type Lifecycle, type Logger, logFirstFailure, type OpsAction, retry } from '@chat-cluster/runtime';
import { z } from 'zod';
import type { Identity } from './authenticate.ts';
import type { GatewayConfig } from './config.ts';

/** Time between two reads, in ms: a revocation is effective after this time when its signal is lost. */
const READ_EVERY_MS = 10_000;
/** Time between two deletions of revocations that have ended, in ms. */
const PURGE_EVERY_MS = 600_000;
const RETRY_AFTER_MS = 1_000;

export interface RevocationDeps extends Pick<PubSub, 'publisher' | 'subscriber'> {
  store: TokenRevocations;
  config: Pick<GatewayConfig, 'JWT_MAX_AGE_MS' | 'MAX_REVOCATIONS'>;
  /** Time between two reads, in ms. Default: READ_EVERY_MS. */
  readEveryMs?: number;
  /** Time between two deletions, in ms. Default: PURGE_EVERY_MS. */
  purgeEveryMs?: number;
  logger: Logger;
  lifecycle: Pick<Lifecycle, 'own'>;
}

/** What a gateway keeps of a revocation, in ms since the epoch. */
interface Revoked {
  issuedBefore: number;
  endsAt: number;
}

/**
 * The revoked tokens, in the memory of each gateway: those of a user, or of all users, that were issued before a time,
 * and single tokens by their `jti`. Postgres stores them, until all tokens that they concern have expired. A signal over
 * pub/sub makes them effective on all gateways within a second; gateways that miss it read the changes every 10 s. While
 * Postgres is away the known revocations stay.
 */
export class Revocations {
  readonly #deps: RevocationDeps;
  readonly #users = new Map<string, Revoked>();
  readonly #tokens = new Map<string, Revoked>();
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
    const { subscriber, logger, lifecycle, readEveryMs = READ_EVERY_MS, purgeEveryMs = PURGE_EVERY_MS } = this.#deps;
    const failed = logFirstFailure(logger, 'revocations: reading them');
    await retry(() => this.#read(), { onFailure: failed });
    const reads = every(
      readEveryMs,
      () => this.#read(),
      (error) => failed(error, 0),
    );
    lifecycle.own('revocations', reads, (repetition) => repetition.stop());
    const purges = every(
      purgeEveryMs,
      () => this.#purge(),
      (error) => logger.warn({ reason: String(error) }, 'revocations: those that have ended were not deleted'),
    );
    lifecycle.own('purge of revocations', purges, (repetition) => repetition.stop());
    subscriber.onGap(() => reads.now());
    const onSignal = (message: string) => {
      const revocation = parseSignal(message);
      if (revocation) this.#apply([revocation]);
      else reads.now();
    };
    void subscriber.subscribe(REVOKED_CHANNEL, onSignal).then(() => reads.now());
  }

  isRevoked({ userId: user, issuedAt, tokenId }: Identity): boolean {
    const isEarlier = (revoked: Revoked | undefined) => revoked !== undefined && issuedAt < revoked.issuedBefore;
    return (
      isEarlier(this.#users.get(user)) ||
      isEarlier(this.#users.get(EVERYONE)) ||
      (tokenId !== undefined && this.#tokens.has(tokenId))
    );
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Action of the admin listener: stores a revocation, and signals it to all gateways. */
  readonly revoke: OpsAction = async (body) => {
    const { store, publisher, config, logger } = this.#deps;
    try {
      const requested = parseRevocation(body, config);
      this.#rejectBeyondLimit(requested);
      const revocation = await store.add(requested).catch((error: unknown) => {
        logger.error({ err: error }, 'revocations: one was not stored');
        throw new Rejection('UNAVAILABLE', { retryAfterMs: RETRY_AFTER_MS });
      });
      this.#apply([revocation]);
      signalRevocation(publisher, revocation).catch((error: unknown) => {
        logger.warn({ reason: String(error) }, 'revocations: no signal, gateways follow within 10 s');
      });
      logger.info({ kind: revocation.kind, subject: revocation.subject }, 'revocations: one was added');
      return { status: 201, body: { revoked: revocation } };
    } catch (error) {
      const payload = toErrorPayload(error);
      return { status: HTTP_STATUS[payload.code], body: { error: payload } };
    }
  };

  /** A subject that is revoked already takes no more memory. The revocation of everyone is always possible. */
  #rejectBeyondLimit({ kind, subject }: NewRevocation): void {
    const { MAX_REVOCATIONS } = this.#deps.config;
    const isKnown = (kind === 'user' ? this.#users : this.#tokens).has(subject) || subject === EVERYONE;
    if (isKnown || this.#users.size + this.#tokens.size < MAX_REVOCATIONS) return;
    const message = `${MAX_REVOCATIONS} revocations are in force (MAX_REVOCATIONS). Revoke {"everyone": true}, or raise the limit.`;
    throw new Rejection('LIMIT_EXCEEDED', { message });
  }

  async #read(): Promise<void> {
    const { changes, readAt } = await this.#deps.store.changedSince(this.#readAt);
    this.#apply(changes);
    this.#readAt = readAt;
  }

  #apply(changes: readonly TokenRevocation[]): void {
    let changed = false;
    for (const { kind, subject, issuedBefore, endsAt } of changes) {
      const revoked = kind === 'user' ? this.#users : this.#tokens;
      const known = revoked.get(subject);
      const next = {
        issuedBefore: Math.max(known?.issuedBefore ?? 0, issuedBefore.getTime()),
        endsAt: Math.max(known?.endsAt ?? 0, endsAt?.getTime() ?? Number.POSITIVE_INFINITY),
      };
      revoked.set(subject, next);
      changed ||= next.issuedBefore !== known?.issuedBefore;
    }
    if (changed) for (const listener of this.#listeners) listener();
  }

  /** Compares with the clock of Postgres: this machine's clock may jump, and a forgotten revocation is not read again. */
  async #purge(): Promise<void> {
    const now = this.#readAt?.getTime() ?? 0;
    for (const revoked of [this.#users, this.#tokens]) {
      for (const [subject, { endsAt }] of revoked) if (endsAt <= now) revoked.delete(subject);
    }
    const purged = await this.#deps.store.purge();
    if (purged > 0) this.#deps.logger.info({ purged }, 'revocations: those that have ended were deleted');
  }
}

const time = z.iso.datetime({ offset: true });
const request = z.union(
  [
    z.strictObject({ userId, issuedBefore: time.optional(), expiresAt: time.optional() }),
    z.strictObject({ everyone: z.literal(true), issuedBefore: time.optional(), expiresAt: time.optional() }),
    z.strictObject({ jti: z.string().min(1).max(LIMITS.tokenIdLength), expiresAt: time.optional() }),
  ],
  'must be {userId, issuedBefore?, expiresAt?}, {everyone: true, issuedBefore?, expiresAt?} or {jti, expiresAt?}, with ISO 8601 times',
);

function parseRevocation(body: unknown, { JWT_MAX_AGE_MS }: RevocationDeps['config']): NewRevocation {
  const parsed = parseOrReject(request, body);
  const now = Date.now();
  const keptMs = Math.min(
    parsed.expiresAt === undefined ? Number.POSITIVE_INFINITY : Math.max(0, Date.parse(parsed.expiresAt) - now),
    JWT_MAX_AGE_MS || Number.POSITIVE_INFINITY,
  );
  const issuedBefore = 'issuedBefore' in parsed && parsed.issuedBefore ? Date.parse(parsed.issuedBefore) : now;
  if (issuedBefore > now) {
    throw new Rejection('VALIDATION_FAILED', { message: 'issuedBefore: must not be in the future' });
  }
  return {
    ...('jti' in parsed
      ? { kind: 'token', subject: parsed.jti }
      : { kind: 'user', subject: 'userId' in parsed ? parsed.userId : EVERYONE }),
    issuedBefore: new Date(issuedBefore),
    keptMs: Number.isFinite(keptMs) ? keptMs : null,
  };
}

const signal = z.object({
  kind: z.enum(['user', 'token']),
  subject: z.string(),
  issuedBefore: z.coerce.date(),
  endsAt: z.coerce.date().nullable(),
});

/** The revocation of a signal. Undefined if the signal has none, as that of an earlier version. */
function parseSignal(message: string): TokenRevocation | undefined {
  try {
    return signal.parse(JSON.parse(message));
  } catch {
    return undefined;
  }
}
