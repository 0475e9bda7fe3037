import { Rejection, type UserId } from '@chat-cluster/contracts';
import { LRUCache } from 'lru-cache';
import type { GatewayConfig } from '../../config.ts';
import { type Rate, RateLimit, rateOf, TokenBucket } from '../../token-bucket.ts';
import type { ChatSocket, UserLimits } from '../chat-socket.ts';

/** Users without a socket whose limits are remembered; about 300 bytes each. */
const REMEMBERED = 20_000;
/** Seconds of the rate of new sockets that a user may open at once. */
const CONNECT_BURST_SECONDS = 60;

type LimitsConfig = Pick<
  GatewayConfig,
  'MAX_CONNECTIONS_PER_USER' | 'CONNECTS_PER_SECOND_PER_USER' | 'USER_RATE_LIMIT_PER_SECOND' | 'USER_RATE_LIMIT_BURST'
>;

/**
 * The limits of users in this process. They outlive the sockets of a user, so that a reconnect does not renew them. They
 * are counted in memory, because an event must not wait for Redis.
 */
export class UserLimiter {
  readonly #maxConnections: number;
  readonly #connects: Rate;
  readonly #events: Rate;
  readonly #connected = new Map<UserId, UserLimits>();
  readonly #absent = new LRUCache<UserId, UserLimits>({ max: REMEMBERED });

  constructor(config: LimitsConfig) {
    const perSecond = config.CONNECTS_PER_SECOND_PER_USER;
    this.#maxConnections = config.MAX_CONNECTIONS_PER_USER;
    this.#connects = rateOf(perSecond, perSecond * CONNECT_BURST_SECONDS);
    this.#events = rateOf(config.USER_RATE_LIMIT_PER_SECOND, config.USER_RATE_LIMIT_BURST);
  }

  /** Counts a connect of the user. Throws LIMIT_EXCEEDED or RATE_LIMITED. */
  admit(userId: UserId): void {
    const most = this.#maxConnections;
    const { sockets, connects } = this.#of(userId);
    if (most > 0 && sockets >= most) {
      throw new Rejection('LIMIT_EXCEEDED', { message: `A user has at most ${most} connections to one gateway.` });
    }
    const waitMs = connects.take();
    if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
  }

  /** Counts a socket until its `detach`. */
  attach(socket: ChatSocket): void {
    const { userId } = socket.data;
    const limits = this.#of(userId);
    limits.sockets++;
    this.#connected.set(userId, limits);
    this.#absent.delete(userId);
    socket.data.user = limits;
  }

  detach({ data: { user, userId } }: ChatSocket): void {
    if (--user.sockets > 0) return;
    this.#connected.delete(userId);
    this.#absent.set(userId, user);
  }

  #of(userId: UserId): UserLimits {
    const known = this.#connected.get(userId) ?? this.#absent.get(userId);
    if (known) return known;
    const limits: UserLimits = {
      sockets: 0,
      connects: new TokenBucket(this.#connects),
      events: new RateLimit(this.#events),
      watches: 0,
    };
    this.#absent.set(userId, limits);
    return limits;
  }
}
