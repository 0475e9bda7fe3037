import type { Presence, UserId } from '@chat-cluster/contracts';
import { nextPresence, PRESENCE_GRACE_MS, type PresenceState, type PresenceWatch } from '@chat-cluster/domain';
import type { Logger, Repetition } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { Subscriber } from '../pubsub/pubsub-port.ts';
import type { GatewayRegistry } from './gateway-registry.ts';
import { RetryingKeySet } from './retrying-key-set.ts';
import { type Holdings, type PresenceStore, presenceChannel } from './store.ts';
import { visitInRounds } from './visit-in-rounds.ts';

const watchedUsers = new Gauge({
  name: 'chat_presence_watched_users',
  help: 'Users whose presence is watched by a client of this process',
});
const changes = new Counter({
  name: 'chat_presence_changes_total',
  help: 'Times that a watched user went online or offline',
  labelNames: ['to'],
});

/**
 * Age up to which an entry counts before this process has read the lease of its gateway, in ms. A new gateway is found
 * with the next heartbeat, at most 3 s later. Must be shorter than the time from the newest entry of a killed gateway
 * to the end of its lease.
 */
const FRESH_MS = 8_000;
/** Time in which every watched user is read once, in ms. Repairs a loss of all other triggers. */
const REREAD_MS = 60_000;

/**
 * The watched users of a gateway. Every trigger only adds users to `toRead`: a message on the channel of a user, a dead
 * gateway, a gap in pub/sub, a restored connection of the store, the end of a grace. These users are read from the
 * store, hundreds in one command. So messages need no order, and another read repairs a lost one. A failed read is
 * retried; until it succeeds, every presence stays as it was.
 *
 * The rule is `nextPresence` in domain/presence.ts: a user who is held by no gateway is read again when the grace is
 * over, and only then reported as offline.
 */
export class RedisPresenceWatch implements PresenceWatch {
  #deps: WatchDeps;
  #watched = new Map<UserId, Watched>();
  #toRead: RetryingKeySet<UserId>;
  #listeners: ((presence: Presence) => void)[] = [];
  #reread: Repetition;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
    this.#toRead = new RetryingKeySet((userIds) => this.#read(userIds), deps.logger, 'presence: reading');
    this.#reread = visitInRounds(this.#watched, REREAD_MS, (userId) => this.#toRead.add(userId));
    deps.subscriber.onGap(() => this.#readAll());
    deps.store.onReconnect(() => this.#readAll());
    deps.gateways.onGone((ids) => {
      for (const [userId, { gateways }] of this.#watched) {
        if (ids.some((id) => gateways.includes(id))) this.#toRead.add(userId);
      }
    });
  }

  async watch(userIds: readonly UserId[]): Promise<Presence[]> {
    const watched = userIds.map((userId) => this.#watched.get(userId) ?? this.#begin(userId));
    await Promise.all(watched.map(({ firstRead }) => firstRead.promise));
    return watched.map((one, i) => presenceOf(userIds[i] as UserId, one));
  }

  unwatch(userId: UserId): void {
    const watched = this.#watched.get(userId);
    if (!watched) return;
    clearTimeout(watched.readAgain);
    this.#watched.delete(userId);
    watchedUsers.dec();
    void this.#deps.subscriber.unsubscribe(presenceChannel(userId));
  }

  onChange(listener: (presence: Presence) => void): void {
    this.#listeners.push(listener);
  }

  stop(): void {
    void this.#reread.stop();
    this.#toRead.stop();
    for (const userId of [...this.#watched.keys()]) this.unwatch(userId);
  }

  /** Subscribes before it reads, so that a change after the read is received. */
  #begin(userId: UserId): Watched {
    const firstRead = Promise.withResolvers<void>();
    const watched: Watched = { firstRead, state: undefined, leftAt: undefined, gateways: [], readAgain: undefined };
    this.#watched.set(userId, watched);
    watchedUsers.inc();
    const read = () => this.#toRead.add(userId);
    void this.#deps.subscriber.subscribe(presenceChannel(userId), read).then(read);
    return watched;
  }

  #readAll(): void {
    for (const userId of this.#watched.keys()) this.#toRead.add(userId);
  }

  async #read(toRead: UserId[]): Promise<void> {
    const userIds = toRead.filter((userId) => this.#watched.has(userId));
    if (userIds.length === 0) return;
    const holdings = await this.#deps.store.read(userIds);
    userIds.forEach((userId, i) => {
      const watched = this.#watched.get(userId);
      if (watched) this.#update(userId, watched, holdings[i] as Holdings);
    });
  }

  #update(userId: UserId, watched: Watched, { gateways, left }: Holdings): void {
    const now = performance.now();
    const { graceMs = PRESENCE_GRACE_MS } = this.#deps;
    const isLive = gateways.some(({ id }) => this.#deps.gateways.live().has(id));
    const freshMs = Math.max(0, ...gateways.map(({ ageMs }) => FRESH_MS - ageMs));
    const before = watched.state;
    const state = nextPresence(before, { held: isLive || freshMs > 0, leftMsAgo: left?.agoMs }, now, graceMs);
    watched.state = state;
    watched.gateways = gateways.map(({ id }) => id);
    watched.leftAt = left?.at;
    clearTimeout(watched.readAgain);
    const { absentSince } = state;
    const againMs = absentSince === undefined ? (isLive ? 0 : freshMs) : absentSince + graceMs - now;
    if (againMs > 0) watched.readAgain = setTimeout(() => this.#toRead.add(userId), Math.ceil(againMs)).unref();
    watched.firstRead.resolve();
    if (!before || before.online === state.online) return;
    changes.inc({ to: state.online ? 'online' : 'offline' });
    for (const listener of this.#listeners) listener(presenceOf(userId, watched));
  }
}

export interface WatchDeps {
  store: PresenceStore;
  subscriber: Subscriber;
  gateways: GatewayRegistry;
  logger: Logger;
  /** Default: PRESENCE_GRACE_MS. Tests use a shorter time. */
  graceMs?: number;
}

interface Watched {
  firstRead: PromiseWithResolvers<void>;
  state: PresenceState | undefined;
  leftAt: number | undefined;
  /** Ids of the gateways that held the user at the last read. */
  gateways: string[];
  /** Fires at the end of a grace, or when a fresh entry is no longer fresh. */
  readAgain: NodeJS.Timeout | undefined;
}

function presenceOf(userId: UserId, { state, leftAt }: Watched): Presence {
  const online = state?.online ?? false;
  return { userId, online, ...(online || leftAt === undefined ? {} : { lastSeenAt: new Date(leftAt).toISOString() }) };
}
