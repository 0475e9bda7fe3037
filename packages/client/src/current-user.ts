import type { UserId } from '@chat-cluster/contracts';
import type { Batch } from './batch.ts';
import type { Conversations } from './conversations.ts';
import type { ChatCore } from './core/core.ts';
import type { Tabs } from './page/tabs.ts';
import type { Persistence } from './persistence.ts';
import type { ReadMarks } from './read-marks.ts';
import type { Rest } from './rest.ts';
import type { Sending } from './sending.ts';
import type { StoredState } from './types.ts';
import type { TypingSignals } from './typing-signals.ts';
import type { Watches } from './watches.ts';

export interface CurrentUserDeps {
  readonly options: { origin: string };
  readonly batch: Batch;
  readonly core: ChatCore;
  readonly conversations: Conversations;
  readonly persistence: Persistence;
  readonly reads: ReadMarks;
  readonly rest: Pick<Rest, 'abort'>;
  readonly sending: Sending;
  readonly tabs: Tabs;
  readonly typing: TypingSignals;
  readonly watches: Pick<Watches, 'clear'>;
}

/**
 * The user of a client, which is known from `session`: until then the last one of this origin. Its state is loaded from
 * the store, and forgotten when another user signs in.
 */
export class CurrentUser {
  #deps: CurrentUserDeps;
  #loaded: Promise<void> | undefined;

  constructor(deps: CurrentUserDeps) {
    this.#deps = deps;
  }

  /** Loads the state of the last user of this origin, once. */
  load(): Promise<void> {
    const { core, persistence } = this.#deps;
    this.#loaded ??= persistence.lastUser().then((userId) => {
      if (userId !== undefined && core.userId === undefined) return this.enter(userId as UserId);
    });
    return this.#loaded;
  }

  /** Loads the state of a user, and forgets that of another one. */
  async enter(userId: UserId): Promise<void> {
    const { batch, core, persistence, tabs, options } = this.#deps;
    if (core.userId !== undefined) {
      await persistence.flush();
      batch.run(() => {
        this.forget();
        persistence.forget();
      });
    }
    core.userId = userId;
    tabs.join(`chat:${options.origin}:${userId}`);
    const state = await persistence.open(userId);
    if (state && core.userId === userId) batch.run(() => this.#restore(state));
  }

  /** The state of this user ends here; it stays in the store. */
  forget(): void {
    this.#deps.sending.clear();
    this.#deps.core.reset();
    this.#deps.reads.clear();
    this.#deps.typing.clear();
    this.#deps.watches.clear();
    this.#deps.rest.abort();
    this.#deps.conversations.restart();
  }

  #restore({ epoch, since: last, hasGroups, badge, conversations, outbox }: StoredState): void {
    const { batch, core, sending } = this.#deps;
    // What was taken in without groups lacks those of that time.
    const since = hasGroups || !core.extension ? last : undefined;
    core.epoch = epoch;
    core.sync.since = since;
    core.badge = badge;
    for (const { id, lastSeq, ...rest } of conversations) {
      const state = core.state(id);
      Object.assign(state, rest, core.extension && { extra: { rev: 0, ...rest } });
      state.begin(lastSeq, lastSeq);
    }
    this.#deps.conversations.restart(since !== undefined);
    if (badge !== undefined) batch.emit('badge', badge);
    sending.restore(outbox);
  }
}
