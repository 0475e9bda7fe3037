import type { ConversationId, ConversationsPage } from '@chat-cluster/contracts';
import { type Batch, Source } from './batch.ts';
import type { ConversationState } from './core/conversation-state.ts';
import type { ChatCore } from './core/core.ts';
import { getOrAdd } from './core/get-or-add.ts';
import { textOf } from './errors.ts';
import type { Rest } from './rest.ts';
import type { ConversationSnapshot, ConversationList as List, Logger } from './types.ts';

export interface ConversationListDeps {
  readonly options: { logger?: Logger };
  readonly batch: Batch;
  readonly core: ChatCore;
  readonly rest: Pick<Rest, 'list'>;
}

/** The conversations of the user, newest activity first, as far as they are loaded or had activity. */
export class ConversationList implements List {
  hasMore = true;
  /** The first page is loaded, or what the store has. */
  isBegun = false;
  #deps: ConversationListDeps;
  #snapshots = new Map<ConversationId, ConversationSnapshot>();
  #source: Source<readonly ConversationSnapshot[]>;
  #cursor: string | undefined;
  /** Counts the starts from the first page. */
  #round = 0;
  #loading: Promise<void> | undefined;

  constructor(deps: ConversationListDeps) {
    this.#deps = deps;
    this.#source = new Source(deps.batch, () =>
      [...deps.core.conversations.values()]
        .filter(({ isKnown }) => isKnown)
        .map((state) => this.snapshot(state))
        .sort((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1)),
    );
  }

  get(): readonly ConversationSnapshot[] {
    return this.#source.get();
  }

  subscribe(listener: () => void): () => void {
    return this.#source.subscribe(listener);
  }

  /** Loads pages until one has a conversation that is not known yet. */
  loadMore(): Promise<void> {
    this.#loading ??= this.#load(this.#round).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  /** Loads the first page. Without it the client is of use too: the next connection tries again. */
  first(): Promise<void> {
    return this.loadMore().catch((error) =>
      this.#deps.options.logger?.warn('The list of conversations was not loaded.', { error: textOf(error) }),
    );
  }

  /** The list begins anew: the history was replaced, or there is another user. */
  restart(isBegun = false): void {
    this.isBegun = isBegun;
    this.#round++;
    this.#cursor = undefined;
    this.hasMore = true;
    this.#snapshots.clear();
    this.#source.invalidate();
  }

  changed(id: ConversationId): void {
    this.#snapshots.delete(id);
    this.#source.invalidate();
  }

  snapshot(state: ConversationState): ConversationSnapshot {
    return getOrAdd(this.#snapshots, state.id, () => snapshotOf(state));
  }

  async #load(round: number): Promise<void> {
    const { batch, core, rest } = this.#deps;
    while (this.hasMore && round === this.#round) {
      const page = await rest.list(this.#cursor);
      if (round !== this.#round) return;
      const isNew = page.conversations.some(({ id }) => !core.conversations.get(id)?.isKnown);
      batch.run(() => this.#add(page));
      if (isNew) return;
    }
  }

  #add({ conversations, nextCursor, epoch }: ConversationsPage): void {
    const { core } = this.#deps;
    if (core.entered(epoch)) return;
    this.isBegun = true;
    for (const entry of conversations) core.summary(entry);
    this.#cursor = nextCursor ?? undefined;
    this.hasMore = nextCursor !== null;
    this.#source.invalidate();
  }
}

function snapshotOf(state: ConversationState): ConversationSnapshot {
  const { id, otherUserId, lastMessage, lastSeq, unreadCount, readMarks, updatedAt } = state;
  return { ...state.extra, id, otherUserId, lastMessage, lastSeq, unreadCount, readMarks, updatedAt };
}
