import type { ClientMessageId, ConversationId } from '@chat-cluster/contracts';
import { ChatFailure, textOf } from './errors.ts';
import type { ChatError, ChatStore, ConversationSnapshot, StoreChange, StoredOutgoing, StoredState } from './types.ts';

export interface PersistenceDeps {
  store: ChatStore;
  origin: string;
  failed(error: ChatError): void;
  /** The conversation as it is kept; undefined: it is not kept. */
  conversation(id: ConversationId): ConversationSnapshot | undefined;
}

/** Time in which the store must be loaded, in ms. A database that another tab blocks would stop the client. */
const LOAD_LIMIT_MS = 5_000;

/**
 * Keeps the state of one user in the store. Changes are collected while a write is under way and leave as one
 * transaction after it. When the store fails, the client goes on in memory.
 *
 * The key of a state is `<origin> <user id>`. The record under the key `<origin>` has the last user in `since`, so that
 * the state can be loaded before a connection shows who the user is.
 */
export class Persistence {
  /** False: another tab writes everything but the messages that were sent in this one. */
  isWriter = true;
  #deps: PersistenceDeps;
  #store: ChatStore | undefined;
  #key: string | undefined;
  #conversations = new Set<ConversationId>();
  #rest: Pick<StoreChange, 'epoch' | 'since' | 'badge' | 'discard'> = {};
  #outbox = new Map<ClientMessageId, StoredOutgoing>();
  #removed = new Set<ClientMessageId>();
  #writing: Promise<void> | undefined;

  constructor(deps: PersistenceDeps) {
    this.#deps = deps;
    this.#store = deps.store;
  }

  /** The last user of this origin. */
  async lastUser(after: (ms: number, run: () => void) => () => void): Promise<string | undefined> {
    return (await this.#load(this.#deps.origin, after))?.since;
  }

  /** Opens the state of a user. */
  async open(userId: string, after: (ms: number, run: () => void) => () => void): Promise<StoredState | undefined> {
    await this.flush();
    this.#key = `${this.#deps.origin} ${userId}`;
    const state = await this.#load(this.#key, after);
    await this.#attempt((store) => store.write(this.#deps.origin, { since: userId }));
    if (this.#outbox.size > 0) this.#schedule();
    return state;
  }

  /** The outbox as the store has it, without the messages that are about to be removed. */
  async outbox(): Promise<StoredOutgoing[]> {
    const key = this.#key;
    const state = key === undefined ? undefined : await this.#attempt((store) => store.load(key));
    return state?.outbox.filter(({ clientMessageId }) => !this.#removed.has(clientMessageId)) ?? [];
  }

  changed(id: ConversationId): void {
    this.#conversations.add(id);
    if (this.isWriter) this.#schedule();
  }

  set(values: Pick<StoreChange, 'epoch' | 'since' | 'badge'>): void {
    Object.assign(this.#rest, values);
    if (this.isWriter) this.#schedule();
  }

  /** The history was replaced. */
  discard(): void {
    this.#conversations.clear();
    this.#rest = { discard: true };
    if (this.isWriter) this.#schedule();
  }

  put(outgoing: StoredOutgoing): void {
    this.#removed.delete(outgoing.clientMessageId);
    this.#outbox.set(outgoing.clientMessageId, outgoing);
    this.#schedule();
  }

  remove(id: ClientMessageId): void {
    this.#outbox.delete(id);
    this.#removed.add(id);
    this.#schedule();
  }

  /** This tab writes everything from now on, or no more. */
  write(isWriter: boolean): void {
    this.isWriter = isWriter;
    if (isWriter) this.#schedule();
  }

  /** Forgets changes that are not written, for another user. */
  forget(): void {
    this.#conversations.clear();
    this.#rest = {};
    this.#outbox.clear();
    this.#removed.clear();
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    this.#schedule();
    while (this.#writing) await this.#writing;
  }

  /** Deletes what is kept for the user. */
  async delete(): Promise<void> {
    const key = this.#key;
    this.forget();
    await this.#writing;
    await this.#attempt((store) => store.delete(this.#deps.origin));
    if (key !== undefined) await this.#attempt((store) => store.delete(key));
    this.#key = undefined;
  }

  async close(): Promise<void> {
    await this.#attempt(async (store) => store.close?.());
    this.#store = undefined;
  }

  #schedule(): void {
    if (this.#writing || !this.#store || this.#key === undefined) return;
    // After the present work, so that all of its changes leave together.
    this.#writing = Promise.resolve()
      .then(() => this.#write())
      .finally(() => {
        this.#writing = undefined;
        if (this.#hasChanges()) this.#schedule();
      });
  }

  #hasChanges(): boolean {
    const hasState = this.#conversations.size > 0 || Object.keys(this.#rest).length > 0;
    return this.#outbox.size > 0 || this.#removed.size > 0 || (this.isWriter && hasState);
  }

  async #write(): Promise<void> {
    const key = this.#key;
    if (key === undefined || !this.#hasChanges()) return;
    const change: StoreChange = {};
    if (this.#outbox.size > 0) change.outbox = [...this.#outbox.values()];
    if (this.#removed.size > 0) change.removed = [...this.#removed];
    this.#outbox.clear();
    if (this.isWriter) {
      Object.assign(change, this.#rest);
      const conversations = [...this.#conversations].flatMap((id) => this.#deps.conversation(id) ?? []);
      if (conversations.length > 0) change.conversations = conversations;
      this.#conversations.clear();
      this.#rest = {};
    }
    await this.#attempt((store) => store.write(key, change));
    for (const id of change.removed ?? []) this.#removed.delete(id);
  }

  async #load(key: string, after: (ms: number, run: () => void) => () => void): Promise<StoredState | undefined> {
    return this.#attempt(async (store) => {
      let cancel = () => {};
      const late = new Promise<never>((_, reject) => {
        cancel = after(LOAD_LIMIT_MS, () => reject(new Error(`it did not open within ${LOAD_LIMIT_MS / 1_000} s`)));
      });
      try {
        const state = await Promise.race([store.load(key), late]);
        return state?.version === 1 ? state : undefined;
      } finally {
        cancel();
      }
    });
  }

  async #attempt<T>(work: (store: ChatStore) => Promise<T>): Promise<T | undefined> {
    if (!this.#store) return undefined;
    try {
      return await work(this.#store);
    } catch (error) {
      this.#store = undefined;
      this.#deps.failed(
        new ChatFailure({
          code: 'STORE_FAILED',
          message: `The store failed: ${textOf(error)}. The client goes on in memory. Check the store.`,
          retryable: false,
        }),
      );
      return undefined;
    }
  }
}
