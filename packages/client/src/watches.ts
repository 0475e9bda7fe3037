import type { FailureAck, Presence, UserId, WatchPresenceAck } from '@chat-cluster/contracts';
import type { Batch } from './batch.ts';
import type { ChatCore } from './core/core.ts';
import { type Clock, isFinal, pauseMs, type Wire } from './core/seams.ts';
import { checkId } from './draft.ts';
import { WATCHED_USERS } from './wire.ts';

/** Pause before a refused watch is sent again, without `retryAfterMs`: about this time, in ms. */
const PAUSE_MS = 5_000;

export interface WatchesDeps {
  readonly clock: Clock;
  readonly batch: Batch;
  readonly core: Pick<ChatCore, 'withUser'>;
  /** The connection, while live. */
  readonly live: Wire | undefined;
  fail(error: FailureAck['error']): void;
}

/** Users whose presence is watched, over reconnects: a watch of the server ends with its connection. */
export class Watches {
  #deps: WatchesDeps;
  /** The users of each watch that has not ended. */
  #watches = new Set<readonly UserId[]>();
  #known = new Map<UserId, Presence>();
  /** Watched users without a known conversation: the server may not show them yet. */
  #strangers = new Set<UserId>();
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
    const before = this.#users();
    if (new Set([...before, ...users]).size > WATCHED_USERS) {
      throw new RangeError(`watch: pass at most ${WATCHED_USERS} users in all. End other watches first.`);
    }
    this.#watches.add(users);
    this.#send(users.filter((userId) => !before.has(userId)));
    return () => {
      this.#watches.delete(users);
      const watched = this.#users();
      const ended = users.splice(0).filter((userId) => !watched.has(userId));
      for (const userId of ended) {
        this.#known.delete(userId);
        this.#strangers.delete(userId);
      }
      if (ended.length > 0) this.#deps.live?.call('unwatch_presence', { userIds: ended }, () => {});
    };
  }

  /** Conversations with these users are known. Watching a stranger again brings the state. */
  met(): void {
    this.#send([...this.#strangers].filter((userId) => this.#deps.core.withUser(userId)));
  }

  /** Another user is signed in, who may not see the same. */
  clear(): void {
    this.#known.clear();
  }

  /** Sends the watches of all users. */
  start(): void {
    this.#cancelTimer = undefined;
    this.#send([...this.#users()]);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  receive(presence: Presence): void {
    const { userId, online, lastSeenAt } = presence;
    if (!this.#users().has(userId)) return;
    const known = this.#known.get(userId);
    if (known?.online === online && known.lastSeenAt === lastSeenAt) return;
    this.#known.set(userId, presence);
    this.#deps.batch.emit('presence', presence);
  }

  #send(userIds: UserId[]): void {
    const { live, clock, core } = this.#deps;
    if (!live || this.#cancelTimer || userIds.length === 0) return;
    for (const userId of userIds) this.#strangers[core.withUser(userId) ? 'delete' : 'add'](userId);
    live.call<WatchPresenceAck>('watch_presence', { userIds }, (answer) => {
      if (answer.ok) for (const presence of answer.presence) this.receive(presence);
      else if (isFinal(answer.error)) this.#deps.fail(answer.error);
      else {
        const ms = pauseMs(clock, answer.error.retryAfterMs, 0, PAUSE_MS);
        this.#cancelTimer ??= clock.after(ms, () => this.start());
      }
    });
  }

  #users(): Set<UserId> {
    return new Set([...this.#watches].flat());
  }
}
