import type { FailureAck, Presence, UserId, WatchPresenceAck } from '@chat-cluster/contracts';
import type { Clock, Wire } from './core/seams.ts';
import { checkId } from './draft.ts';
import { LIMITS } from './wire.ts';

/** Pause before a refused watch is sent again, without `retryAfterMs`; in ms. */
const PAUSE_MS = 5_000;

export interface WatchesDeps {
  clock: Clock;
  emit(presence: Presence): void;
  refused(error: FailureAck['error']): void;
}

/** Users whose presence is watched, over reconnects: a watch of the server ends with its connection. */
export class Watches {
  #deps: WatchesDeps;
  #wire: Wire | undefined;
  /** How often each user is watched. */
  #counts = new Map<UserId, number>();
  #known = new Map<UserId, Presence>();
  /** Users whose watch is not sent on this connection yet. */
  #due = new Set<UserId>();
  #cancelTimer: (() => void) | undefined;

  constructor(deps: WatchesDeps) {
    this.#deps = deps;
  }

  of(userId: string): Presence | undefined {
    return this.#known.get(userId as UserId);
  }

  watch(userIds: readonly string[]): () => void {
    const users = [...new Set(userIds)] as UserId[];
    for (const userId of users) checkId('watch', userId, LIMITS.userIdLength);
    const total = new Set([...this.#counts.keys(), ...users]).size;
    if (total > LIMITS.watchedUsers) {
      throw new RangeError(`watch: a client watches at most ${LIMITS.watchedUsers} users. End other watches first.`);
    }
    for (const userId of users) {
      const count = this.#counts.get(userId) ?? 0;
      this.#counts.set(userId, count + 1);
      if (count === 0) this.#due.add(userId);
    }
    this.#send();
    let isEnded = false;
    return () => {
      if (!isEnded) this.#unwatch(users);
      isEnded = true;
    };
  }

  /** Users may see each other from now on. Watching again brings the state. */
  met(userId: UserId): void {
    if (!this.#counts.has(userId)) return;
    this.#due.add(userId);
    this.#send();
  }

  start(wire: Wire): void {
    this.#wire = wire;
    for (const userId of this.#counts.keys()) this.#due.add(userId);
    this.#send();
  }

  stop(): void {
    this.#wire = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  clear(): void {
    this.stop();
    this.#counts.clear();
    this.#known.clear();
    this.#due.clear();
  }

  receive(presence: Presence): void {
    const { userId, online, lastSeenAt } = presence;
    if (!this.#counts.has(userId)) return;
    const known = this.#known.get(userId);
    if (known?.online === online && known.lastSeenAt === lastSeenAt) return;
    this.#known.set(userId, presence);
    this.#deps.emit(presence);
  }

  #send(): void {
    if (!this.#wire || this.#cancelTimer || this.#due.size === 0) return;
    const userIds = [...this.#due];
    this.#due.clear();
    this.#wire.call<WatchPresenceAck>('watch_presence', { userIds }, (answer) => {
      if (answer.ok) for (const presence of answer.presence) this.receive(presence);
      else if (!answer.error.retryable) this.#deps.refused(answer.error);
      else {
        for (const userId of userIds) if (this.#counts.has(userId)) this.#due.add(userId);
        this.#sendLater(answer.error.retryAfterMs ?? PAUSE_MS);
      }
    });
  }

  #sendLater(ms: number): void {
    this.#cancelTimer ??= this.#deps.clock.after(ms * (1 + this.#deps.clock.random() / 2), () => {
      this.#cancelTimer = undefined;
      this.#send();
    });
  }

  #unwatch(users: readonly UserId[]): void {
    const ended = users.filter((userId) => {
      const count = (this.#counts.get(userId) ?? 0) - 1;
      if (count > 0) this.#counts.set(userId, count);
      else this.#counts.delete(userId);
      return count <= 0;
    });
    for (const userId of ended) {
      this.#known.delete(userId);
      this.#due.delete(userId);
    }
    if (ended.length > 0) this.#wire?.call('unwatch_presence', { userIds: ended }, () => {});
  }
}
