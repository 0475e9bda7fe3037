import type { ClientMessageId, ConversationId } from '@chat-cluster/contracts';
import { problem } from './core/problem.ts';
import type { Clock } from './core/seams.ts';
import { textOf } from './errors.ts';
import { memoryStore } from './memory-store.ts';
import type {
  ChatError,
  ChatStore,
  ConversationSnapshot,
  Page,
  StoreChange,
  StoredOutgoing,
  StoredState,
} from './types.ts';

export interface PersistenceDeps {
  readonly options: { store?: ChatStore; origin: string };
  readonly page: Page;
  readonly clock: Clock;
  readonly conversations: {
    /** The conversation as it is kept; undefined: it is not kept. */
    kept(id: ConversationId): ConversationSnapshot | undefined;
  };
  fail(error: ChatError): void;
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
  #deps: PersistenceDeps;
  #store: ChatStore | undefined;
  #key: string | undefined;
  /** False: another tab writes everything but the messages that were sent in this one. */
  #isWriter: boolean;
  #conversations = new Set<ConversationId>();
  #rest: Pick<StoreChange, 'epoch' | 'since' | 'badge' | 'discard'> = {};
  #outbox = new Map<ClientMessageId, StoredOutgoing>();
  #removed = new Set<ClientMessageId>();
  #writing: Promise<void> | undefined;

  constructor(deps: PersistenceDeps) {
    this.#deps = deps;
    this.#store = deps.options.store ?? memoryStore();
    this.#isWriter = !deps.page.lock;
  }

  /** The last user of this origin. */
  async lastUser(): Promise<string | undefined> {
    return (await this.#load(this.#deps.options.origin))?.since;
  }

  /** Opens the state of a user. */
  async open(userId: string): Promise<StoredState | undefined> {
    const { origin } = this.#deps.options;
    await this.flush();
    this.#key = `${origin} ${userId}`;
    const state = await this.#load(this.#key);
    await this.#attempt((store) => store.write(origin, { since: userId }));
    this.#schedule();
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
    this.#schedule();
  }

  /** Undefined values do not change. */
  set(values: { [Name in 'epoch' | 'since' | 'badge']?: StoreChange[Name] | undefined }): void {
    Object.assign(this.#rest, JSON.parse(JSON.stringify(values)));
    this.#schedule();
  }

  /** The history was replaced. */
  discard(): void {
    this.#conversations.clear();
    this.#rest = { discard: true };
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

  /** This tab sends from now on, or not. Of tabs that share a lock, the sending one writes everything. */
  lead(isLeading: boolean): void {
    this.#isWriter = isLeading || !this.#deps.page.lock;
    this.#schedule();
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
    while (this.#writing) await this.#writing;
  }

  /** Writes everything, or deletes what is kept for the user. Then the store is not used any more. */
  async close(forget: boolean): Promise<void> {
    const key = this.#key;
    if (forget) this.forget();
    await this.flush();
    if (forget) {
      await this.#attempt((store) => store.delete(this.#deps.options.origin));
      if (key !== undefined) await this.#attempt((store) => store.delete(key));
    }
    await this.#attempt(async (store) => store.close?.());
    this.#store = undefined;
  }

  #schedule(): void {
    if (this.#writing || !this.#store || this.#key === undefined || !this.#hasChanges()) return;
    // After the present work, so that all of its changes leave together.
    this.#writing = Promise.resolve()
      .then(() => this.#write(this.#key as string))
      .finally(() => {
        this.#writing = undefined;
        this.#schedule();
      });
  }

  #hasChanges(): boolean {
    const hasState = this.#conversations.size > 0 || Object.keys(this.#rest).length > 0;
    return this.#outbox.size > 0 || this.#removed.size > 0 || (this.#isWriter && hasState);
  }

  async #write(key: string): Promise<void> {
    const removed = [...this.#removed];
    const change: StoreChange = { outbox: [...this.#outbox.values()], removed };
    this.#outbox.clear();
    if (this.#isWriter) {
      const ids = [...this.#conversations];
      const { conversations } = this.#deps;
      Object.assign(change, this.#rest);
      change.conversations = ids.flatMap((id) => conversations.kept(id) ?? []);
      change.forgotten = ids.filter((id) => !conversations.kept(id));
      this.#conversations.clear();
      this.#rest = {};
    }
    await this.#attempt((store) => store.write(key, change));
    for (const id of removed) this.#removed.delete(id);
  }

  #load(key: string): Promise<StoredState | undefined> {
    return this.#attempt(async (store) => {
      let cancel = () => {};
      const late = new Promise<never>((_, reject) => {
        const error = new Error('it did not open in time');
        cancel = this.#deps.clock.after(LOAD_LIMIT_MS, () => reject(error));
      });
      const state = await Promise.race([store.load(key), late]).finally(cancel);
      return state?.version === 1 ? state : undefined;
    });
  }

  async #attempt<T>(work: (store: ChatStore) => Promise<T>): Promise<T | undefined> {
    try {
      if (this.#store) return await work(this.#store);
    } catch (error) {
      this.#store = undefined;
      const message = `The store failed: ${textOf(error)}. The client goes on in memory. Check the store.`;
      this.#deps.fail(problem('STORE_FAILED', message, false));
    }
    return undefined;
  }
}
