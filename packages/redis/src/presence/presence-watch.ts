import type { Presence, UserId } from '@chat-cluster/contracts';
import { nextPresence, PRESENCE_GRACE_MS, type PresenceState, type PresenceWatch } from '@chat-cluster/domain';
import type { Logger } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { RedisClient } from '../connection/connection.ts';
import type { Subscriber } from '../pubsub/pubsub.ts';
import type { GatewayRegistry } from './gateway-registry.ts';
import { type Holdings, type PresenceStore, presenceChannel } from './presence-store.ts';
import { RetryingKeySet, rounds } from './retrying-key-set.ts';

const watchedUsers = new Gauge({
  name: 'chat_presence_watched_users',
  help: 'Users whose presence somebody here watches',
});
const changes = new Counter({
  name: 'chat_presence_changes_total',
  help: 'Times that a watched user went online or offline',
  labelNames: ['to'],
});

/**
 * An entry younger than this counts although the lease of its gateway is not known here yet: other gateways see a new
 * one with their next beat, at most 3 s later. Younger than what a killed gateway's lease outlives its last entry by.
 */
const FRESH_MS = 8_000;
/** Every watched user is looked at once in so long, whatever was heard: a net under everything that may be lost. */
const LOOK_MS = 60_000;

export interface WatchDeps {
  store: PresenceStore;
  /** The connection of the store. */
  redis: RedisClient;
  subscriber: Subscriber;
  gateways: Pick<GatewayRegistry, 'isLive' | 'onGone'>;
  logger: Logger;
  graceMs?: number;
}

/**
 * The watched users of a gateway. Nothing that is heard is believed: a message on the channel of a user, a gateway that
 * is gone, a gap in pub/sub, the connection of the store that is back, a grace that ends: each only marks users, and who
 * is marked is looked at, hundreds in one command. So messages need no order and lost ones no repair but another look;
 * a look that fails is repeated, and until it succeeds everybody stays as they stood.
 *
 * The rule for what is seen is `nextPresence` in domain/presence.ts: who is seen without a gateway is looked at again when the
 * grace is over, and only then told offline.
 */
export class RedisPresenceWatch implements PresenceWatch {
  #deps: WatchDeps;
  #watched = new Map<UserId, Watched>();
  #marks: RetryingKeySet<UserId>;
  #listeners: ((presence: Presence) => void)[] = [];
  #endRounds: () => void;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
    this.#marks = new RetryingKeySet(
      (userIds) => this.#look(userIds),
      (error, attempt) => {
        if (attempt === 1) deps.logger.warn({ reason: String(error) }, 'presence: can not look, trying again');
      },
    );
    this.#endRounds = rounds(this.#watched, LOOK_MS, (userId) => this.#marks.add(userId));
    deps.subscriber.onGap(() => this.#markAll());
    deps.redis.on('ready', () => this.#markAll());
    deps.gateways.onGone((ids) => {
      for (const [userId, { gateways }] of this.#watched) {
        if (ids.some((id) => gateways.includes(id))) this.#marks.add(userId);
      }
    });
  }

  async watch(userIds: readonly UserId[]): Promise<Presence[]> {
    const watched = userIds.map((userId) => this.#watched.get(userId) ?? this.#begin(userId));
    await Promise.all(watched.map(({ seen }) => seen.promise));
    return watched.map((one, i) => presenceOf(userIds[i] as UserId, one));
  }

  unwatch(userId: UserId): void {
    const watched = this.#watched.get(userId);
    if (!watched) return;
    clearTimeout(watched.lookAgain);
    this.#watched.delete(userId);
    watchedUsers.dec();
    void this.#deps.subscriber.unsubscribe(presenceChannel(userId));
  }

  onChange(listener: (presence: Presence) => void): void {
    this.#listeners.push(listener);
  }

  stop(): void {
    this.#endRounds();
    this.#marks.stop();
    for (const userId of [...this.#watched.keys()]) this.unwatch(userId);
  }

  /** Subscribed first, looked at then: what changes after the look is heard. */
  #begin(userId: UserId): Watched {
    const seen = Promise.withResolvers<void>();
    const watched: Watched = { seen, standing: undefined, leftAt: undefined, gateways: [], lookAgain: undefined };
    this.#watched.set(userId, watched);
    watchedUsers.inc();
    const look = () => this.#marks.add(userId);
    void this.#deps.subscriber.subscribe(presenceChannel(userId), look).then(look);
    return watched;
  }

  #markAll(): void {
    for (const userId of this.#watched.keys()) this.#marks.add(userId);
  }

  async #look(marked: UserId[]): Promise<void> {
    const userIds = marked.filter((userId) => this.#watched.has(userId));
    if (userIds.length === 0) return;
    const holdings = await this.#deps.store.read(userIds);
    userIds.forEach((userId, i) => {
      const watched = this.#watched.get(userId);
      if (watched) this.#see(userId, watched, holdings[i] as Holdings);
    });
  }

  #see(userId: UserId, watched: Watched, { gateways, left }: Holdings): void {
    const now = performance.now();
    const { graceMs = PRESENCE_GRACE_MS } = this.#deps;
    const isLive = gateways.some(({ id }) => this.#deps.gateways.isLive(id));
    const freshMs = Math.max(0, ...gateways.map(({ ageMs }) => FRESH_MS - ageMs));
    const before = watched.standing;
    const standing = nextPresence(before, { held: isLive || freshMs > 0, leftMsAgo: left?.agoMs }, now, graceMs);
    watched.standing = standing;
    watched.gateways = gateways.map(({ id }) => id);
    watched.leftAt = left?.at;
    clearTimeout(watched.lookAgain);
    const { absentSince } = standing;
    const againMs = absentSince === undefined ? (isLive ? 0 : freshMs) : absentSince + graceMs - now;
    if (againMs > 0) watched.lookAgain = setTimeout(() => this.#marks.add(userId), Math.ceil(againMs)).unref();
    watched.seen.resolve();
    if (!before || before.online === standing.online) return;
    changes.inc({ to: standing.online ? 'online' : 'offline' });
    for (const listener of this.#listeners) listener(presenceOf(userId, watched));
  }
}

interface Watched {
  /** Resolved by the first look. */
  seen: PromiseWithResolvers<void>;
  standing: PresenceState | undefined;
  leftAt: number | undefined;
  /** Ids of the gateways that held the user at the last look. */
  gateways: string[];
  /** The end of a grace, or of the youth of an entry. */
  lookAgain: NodeJS.Timeout | undefined;
}

function presenceOf(userId: UserId, { standing, leftAt }: Watched): Presence {
  const online = standing?.online ?? false;
  return { userId, online, ...(online || leftAt === undefined ? {} : { lastSeenAt: new Date(leftAt).toISOString() }) };
}
