import type { FailureAck, Presence, UserId, WatchPresenceAck } from '@chat-cluster/contracts';
import type { Batch } from './batch.ts';
import { type Clock, pauseMs, type Wire } from './core/seams.ts';
import { checkId } from './draft.ts';
import { WATCHED_USERS } from './wire.ts';

/** Pause before a refused watch is sent again, without `retryAfterMs`: about this time, in ms. */
const PAUSE_MS = 5_000;

export interface WatchesDeps {
  readonly clock: Clock;
  readonly batch: Batch;
  /** The connection, while live. */
  readonly live: Wire | undefined;
  fail(error: FailureAck['error']): void;
}

/** Users whose presence is watched, over reconnects: a watch of the server ends with its connection. */
export class Watches {
  #deps: WatchesDeps;
  /** How often each user is watched. */
  #counts = new Map<UserId, number>();
  #known = new Map<UserId, Presence>();
  #cancelTimer: (() => void) | undefined;

  constructor(deps: WatchesDeps) {
    this.#deps = deps;
  }

  of(userId: string): Presence | undefined {
    return this.#known.get(userId as UserId);
  }

  watch(userIds: readonly string[]): () => void {
    const users = [...new Set(userIds)] as UserId[];
    for (const userId of users) checkId('watch', userId);
    const total = new Set([...this.#counts.keys(), ...users]).size;
    if (total > WATCHED_USERS) {
      throw new RangeError(`watch: pass at most ${WATCHED_USERS} users in all. End other watches first.`);
    }
    const added = users.filter((userId) => !this.#counts.has(userId));
    for (const userId of users) this.#counts.set(userId, (this.#counts.get(userId) ?? 0) + 1);
    this.#send(added);
    let isEnded = false;
    return () => {
      if (!isEnded) this.#unwatch(users);
      isEnded = true;
    };
  }

  /** Users may see each other from now on. Watching again brings the state. */
  met(userId: UserId): void {
    if (this.#counts.has(userId)) this.#send([userId]);
  }

  /** Sends the watches of all users. */
  start(): void {
    this.#cancelTimer = undefined;
    this.#send([...this.#counts.keys()]);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  receive(presence: Presence): void {
    const { userId, online, lastSeenAt } = presence;
    if (!this.#counts.has(userId)) return;
    const known = this.#known.get(userId);
    if (known?.online === online && known.lastSeenAt === lastSeenAt) return;
    this.#known.set(userId, presence);
    this.#deps.batch.emit('presence', presence);
  }

  #send(userIds: UserId[]): void {
    const { live, clock } = this.#deps;
    if (!live || this.#cancelTimer || userIds.length === 0) return;
    live.call<WatchPresenceAck>('watch_presence', { userIds }, (answer) => {
      if (answer.ok) for (const presence of answer.presence) this.receive(presence);
      else if (!answer.error.retryable) this.#deps.fail(answer.error);
      else {
        const ms = pauseMs(clock, answer.error.retryAfterMs, 0, PAUSE_MS);
        this.#cancelTimer ??= clock.after(ms, () => this.start());
      }
    });
  }

  #unwatch(users: readonly UserId[]): void {
    const ended = users.filter((userId) => {
      const count = (this.#counts.get(userId) ?? 0) - 1;
      this.#counts.set(userId, count);
      return count === 0;
    });
    for (const userId of ended) {
      this.#counts.delete(userId);
      this.#known.delete(userId);
    }
    if (ended.length > 0) this.#deps.live?.call('unwatch_presence', { userIds: ended }, () => {});
  }
}
