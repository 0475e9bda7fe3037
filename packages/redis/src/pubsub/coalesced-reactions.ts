import type { ConversationId, MessageChanged } from '@chat-cluster/contracts';
import type { Audience } from '@chat-cluster/domain';

/** A change and who receives it. */
export interface ChangeFor {
  to: Audience;
  changed: MessageChanged;
}

/** Shortest time between two publishes of the reactions of one group, in ms. */
const WINDOW_MS = 250;
/** Changes that wait in one group; then they are published at once. It bounds `covers` too. */
const MAX_WAITING = 100;
/** Groups with an open window; further ones are not coalesced. */
const MAX_WINDOWS = 10_000;

interface Window {
  /** The newest change of each message, by `seq`. */
  waiting: Map<number, ChangeFor>;
  /** Numbers of the changes that a later one of the same message has replaced. */
  replaced: number[];
}

function newWindow(): Window {
  return { waiting: new Map(), replaced: [] };
}

/**
 * Reactions in groups with a room, where thousands of users may react to one message. The first change of a group passes
 * at once and opens a window. At its end the changes that came meanwhile follow, one event per message: the newest, for
 * the receivers of the newest. The number of a replaced change is in `covers` of the event with the next number, of
 * whichever message, so that a device sees no gap between the events.
 */
export class CoalescedReactions {
  readonly #publish: (changes: ChangeFor[]) => void;
  readonly #windows = new Map<ConversationId, Window>();

  constructor(publish: (changes: ChangeFor[]) => void) {
    this.#publish = publish;
  }

  /** The changes to publish now: this one, none while a window is open, or all that wait. */
  add({ to, changed }: ChangeFor): ChangeFor[] {
    const { conversationId: id, seq } = changed;
    const window = this.#windows.get(id);
    if (!window) {
      if (this.#windows.size < MAX_WINDOWS) this.#open(id);
      return [{ to, changed }];
    }
    const replaced = window.waiting.get(seq)?.changed.rev;
    if (replaced !== undefined) window.replaced.push(replaced);
    window.waiting.set(seq, { to, changed });
    return window.waiting.size + window.replaced.length < MAX_WAITING ? [] : this.take(id);
  }

  /** Removes and returns the changes that wait, by `rev`. Changes of another kind must not overtake them. */
  take(id: ConversationId): ChangeFor[] {
    const window = this.#windows.get(id);
    if (!window) return [];
    const { waiting, replaced } = window;
    this.#windows.set(id, newWindow());
    let before = 0;
    return [...waiting.values()]
      .sort((a, b) => a.changed.rev - b.changed.rev)
      .map(({ to, changed }) => {
        const covers = replaced.filter((rev) => rev > before && rev < changed.rev);
        before = changed.rev;
        return { to, changed: covers.length > 0 ? { ...changed, covers } : changed };
      });
  }

  /** Publishes all that wait. */
  flush(): void {
    for (const id of this.#windows.keys()) this.#publishWaiting(id);
  }

  #open(id: ConversationId): void {
    this.#windows.set(id, newWindow());
    this.#closeLater(id);
  }

  #closeLater(id: ConversationId): void {
    setTimeout(() => {
      if (this.#publishWaiting(id)) this.#closeLater(id);
      else this.#windows.delete(id);
    }, WINDOW_MS).unref();
  }

  #publishWaiting(id: ConversationId): boolean {
    const changes = this.take(id);
    if (changes.length > 0) this.#publish(changes);
    return changes.length > 0;
  }
}
