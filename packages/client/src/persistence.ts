import type { ClientMessageId, ConversationId } from '@chat-cluster/contracts';
import { problem } from './core/problem.ts';
import type { Clock } from './core/seams.ts';
import { defer } from './defer.ts';
import { textOf, withoutStop } from './errors.ts';
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
/** Writes under way at a time. Beyond, sent messages collect too: a store that hangs does not fill the memory. */
const MAX_WRITES = 100;

/**
 * Keeps the state of one user in the store. A message is handed over in the task of its `send`, whatever is being
 * written, because the page may end after this task. Everything else collects while a write of it is under way, and
 * leaves as one transaction after it. When the store fails, the client goes on in memory.
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
  #values: Pick<StoreChange, 'epoch' | 'since' | 'hasGroups' | 'badge' | 'discard'> | undefined;
  #outbox = new Map<ClientMessageId, StoredOutgoing>();
  #removed = new Set<ClientMessageId>();
  /** The removed messages of the last write. */
  #leaving = this.#removed;
  #writes = new Set<Promise<void>>();
  #isRestUnderWay = false;

  constructor(deps: PersistenceDeps) {
    this.#deps = deps;
    this.#store = deps.options.store;
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
    return state?.outbox.filter(({ clientMessageId: id }) => !this.#removed.has(id) && !this.#leaving.has(id)) ?? [];
  }

  changed(id: ConversationId): void {
    this.#conversations.add(id);
    this.#schedule();
  }

  /** Undefined values do not change. */
  set(values: { [Name in 'epoch' | 'since' | 'hasGroups' | 'badge']?: StoreChange[Name] | undefined }): void {
    this.#values = { ...this.#values, ...JSON.parse(JSON.stringify(values)) };
    this.#schedule();
  }

  /** The history was replaced. */
  discard(): void {
    this.#conversations.clear();
    this.#values = { discard: true };
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

  /** Forgets the user, and changes that are not written. */
  forget(): void {
    this.#key = undefined;
    this.#conversations.clear();
    this.#values = undefined;
    this.#outbox.clear();
    this.#removed.clear();
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    while (this.#writes.size > 0) await Promise.all(this.#writes);
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
    const key = this.#key;
    if (!this.#store || key === undefined) return;
    if (this.#outbox.size > 0 && this.#writes.size < MAX_WRITES) this.#start(() => this.#writeOutbox(key));
    const hasRest = this.#removed.size > 0 || (this.#isWriter && (this.#conversations.size > 0 || this.#values));
    if (!hasRest || this.#isRestUnderWay) return;
    this.#isRestUnderWay = true;
    this.#start(() => this.#writeRest(key));
  }

  /** Starts a write after the present work, so that all changes of this task leave together. */
  #start(write: () => Promise<void>): void {
    const writing = Promise.resolve()
      .then(write)
      .finally(() => {
        this.#writes.delete(writing);
        this.#schedule();
      });
    this.#writes.add(writing);
  }

  async #writeOutbox(key: string): Promise<void> {
    const outbox = [...this.#outbox.values()];
    this.#outbox.clear();
    // The first write of a task takes all.
    if (outbox.length > 0) await this.#attempt((store) => store.write(key, { outbox }));
  }

  async #writeRest(key: string): Promise<void> {
    this.#leaving = this.#removed;
    this.#removed = new Set();
    const change: StoreChange = { removed: [...this.#leaving] };
    if (this.#isWriter) {
      const ids = [...this.#conversations];
      const { conversations } = this.#deps;
      Object.assign(change, this.#values);
      change.conversations = ids.flatMap((id) => conversations.kept(id) ?? []);
      change.forgotten = ids.filter((id) => !conversations.kept(id));
      this.#conversations.clear();
      this.#values = undefined;
    }
    await this.#attempt((store) => store.write(key, change));
    this.#isRestUnderWay = false;
  }

  #load(key: string): Promise<StoredState | undefined> {
    return this.#attempt(async (store) => {
      const late = defer<never>();
      const cancel = this.#deps.clock.after(LOAD_LIMIT_MS, () => late.reject(new Error('it did not respond in time')));
      const state = await Promise.race([store.load(key), late.promise]).finally(cancel);
      return state?.version === 1 ? state : undefined;
    });
  }

  async #attempt<T>(work: (store: ChatStore) => Promise<T>): Promise<T | undefined> {
    const store = this.#store;
    try {
      if (store) return await work(store);
    } catch (error) {
      // Of the writes under way, the first that fails is reported.
      if (!this.#store) return undefined;
      this.#store = undefined;
      const message = `The store failed: ${withoutStop(textOf(error))}. The client goes on in memory. Check the store.`;
      this.#deps.fail(problem('STORE_FAILED', message, false));
    }
    return undefined;
  }
}
