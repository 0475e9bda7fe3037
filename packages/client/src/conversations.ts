import type { ConversationId } from '@chat-cluster/contracts';
import type { Batch } from './batch.ts';
import { ConversationHandle, type ConversationHandleDeps } from './conversation-handle.ts';
import type { ConversationList } from './conversation-list.ts';
import type { ConversationState } from './core/conversation-state.ts';
import type { ChatCore } from './core/core.ts';
import { getOrAdd } from './core/get-or-add.ts';
import type { Extension } from './extension.ts';
import type { ConversationSnapshot } from './types.ts';

export interface ConversationsDeps extends ConversationHandleDeps {
  readonly batch: Batch;
  readonly core: ChatCore;
  readonly list: ConversationList;
  readonly extension: Extension | undefined;
}

/** The conversations as the application and the store see them: handles, and what has changed in a batch. */
export class Conversations {
  #deps: ConversationsDeps;
  #handles = new Map<ConversationId, ConversationHandle>();
  #changed = new Set<ConversationState>();

  constructor(deps: ConversationsDeps) {
    this.#deps = deps;
  }

  open(id: ConversationId): ConversationHandle {
    const create = () => {
      const handle = new ConversationHandle(id, this.#deps);
      this.#deps.extension?.opened(handle);
      return handle;
    };
    return getOrAdd(this.#handles, id, create).open();
  }

  changed(state: ConversationState): void {
    this.#changed.add(state);
  }

  /** The shown messages of a conversation have changed. */
  invalidate(id: ConversationId): void {
    this.#handles.get(id)?.messages.invalidate();
  }

  /** Everything has changed: the history was replaced, there is another user, or the state of the store is loaded. */
  restart(isListed?: boolean): void {
    this.#changed.clear();
    this.#deps.list.restart(isListed);
    for (const handle of this.#handles.values()) handle.messages.invalidate();
  }

  /** At the end of a batch: what has changed, once per conversation. */
  report(): void {
    const { batch, list } = this.#deps;
    for (const state of this.#changed) {
      list.changed(state.id);
      this.invalidate(state.id);
      if (state.isKnown) batch.emit('conversation', list.snapshot(state));
    }
    this.#changed.clear();
  }

  /** A conversation for the store. One that is not known is not kept. */
  kept(id: ConversationId): ConversationSnapshot | undefined {
    const state = this.#deps.core.conversations.get(id);
    if (!state?.isKnown) return undefined;
    // After a restart, delivery goes on after this seq.
    return { ...this.#deps.list.snapshot(state), lastSeq: state.upTo ?? 0 };
  }
}
