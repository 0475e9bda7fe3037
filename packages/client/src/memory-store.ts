import type { ChatStore, StoreChange, StoredState } from './types.ts';

/** A store in memory: it ends with the process or page. Share one between clients to test a restart. */
export function memoryStore(): ChatStore {
  const states = new Map<string, StoredState>();
  return {
    async load(key) {
      const state = states.get(key);
      return state && { ...state, conversations: [...state.conversations], outbox: [...state.outbox] };
    },
    async write(key, change) {
      states.set(key, applied(states.get(key), change));
    },
    async delete(key) {
      states.delete(key);
    },
  };
}

function applied(before: StoredState | undefined, change: StoreChange): StoredState {
  const { since, badge, conversations = [], ...kept } = before ?? { outbox: [] };
  const old = change.discard
    ? {}
    : { ...(since === undefined ? {} : { since }), ...(badge === undefined ? {} : { badge }) };
  const byId = new Map((change.discard ? [] : conversations).map((one) => [one.id, one]));
  for (const one of change.conversations ?? []) byId.set(one.id, one);
  const outbox = new Map(kept.outbox.map((one) => [one.clientMessageId, one]));
  for (const one of change.outbox ?? []) outbox.set(one.clientMessageId, one);
  for (const id of change.removed ?? []) outbox.delete(id);
  const { epoch = 'epoch' in kept ? kept.epoch : undefined } = change;
  return {
    ...old,
    ...(epoch === undefined ? {} : { epoch }),
    ...(change.since === undefined ? {} : { since: change.since }),
    ...(change.badge === undefined ? {} : { badge: change.badge }),
    version: 1,
    conversations: [...byId.values()],
    outbox: [...outbox.values()].sort((a, b) => a.order - b.order),
  };
}
