import type { ClientMessageId, ConversationId } from '@chat-cluster/contracts';
import { getOrAdd } from '../core/get-or-add.ts';
import type { ChatStore, ConversationSnapshot, StoredOutgoing, StoredState } from '../types.ts';

interface Kept {
  values: Pick<StoredState, 'epoch' | 'since' | 'badge'>;
  conversations: Map<ConversationId, ConversationSnapshot>;
  outbox: Map<ClientMessageId, StoredOutgoing>;
}

/** A store in memory: it ends with the process or page. Share one between clients to test a restart. */
export function memoryStore(): ChatStore {
  const states = new Map<string, Kept>();
  return {
    async load(key) {
      const kept = states.get(key);
      return (
        kept && {
          ...kept.values,
          version: 1,
          conversations: [...kept.conversations.values()],
          outbox: [...kept.outbox.values()].sort((a, b) => a.order - b.order),
        }
      );
    },
    async write(key, { conversations = [], forgotten = [], outbox = [], removed = [], discard, ...values }) {
      const kept = getOrAdd<string, Kept>(states, key, () => ({
        values: {},
        conversations: new Map(),
        outbox: new Map(),
      }));
      if (discard) {
        kept.conversations.clear();
        delete kept.values.since;
        delete kept.values.badge;
      }
      Object.assign(kept.values, values);
      for (const one of conversations) kept.conversations.set(one.id, one);
      for (const id of forgotten) kept.conversations.delete(id);
      for (const one of outbox) kept.outbox.set(one.clientMessageId, one);
      for (const id of removed) kept.outbox.delete(id);
    },
    async delete(key) {
      states.delete(key);
    },
  };
}
