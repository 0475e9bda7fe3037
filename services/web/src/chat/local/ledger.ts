import type { ChatClient, ConversationSnapshot, Message } from '@chat-cluster/client';
import type { LedgerDirection, LedgerTotals } from '../../ui/ledger.ts';

/** Newest messages per pane whose repetition is recognised. */
const REMEMBERED = 5_000;

interface Sent {
  isStored: boolean;
  isReceived: boolean;
}

/**
 * Counts the messages that the two panes send to each other, from the events of their clients alone. A message is kept
 * from the send until it is stored and received, then only its number in the conversation, so the memory is bounded.
 */
export class Ledger {
  #since = Date.now();
  #directions = new Map<string, LedgerDirection>();
  /** Messages that are not yet both stored and received, by sender and client message id. */
  #open = new Map<string, Sent>();
  #arrivals = new Map<string, Arrivals>();
  #changes = new Map<string, Changes>();
  #listeners = new Set<() => void>();
  #totals: LedgerTotals | undefined;

  /** Starts the count of these panes anew. Users that are the same cannot write to each other. */
  start(users: readonly [string, string] | undefined): void {
    this.#since = Date.now();
    this.#open.clear();
    this.#arrivals.clear();
    this.#changes.clear();
    this.#directions.clear();
    const [a, b] = users ?? [];
    if (a !== undefined && b !== undefined && a !== b) {
      this.#directions.set(a, emptyDirection(a, b));
      this.#directions.set(b, emptyDirection(b, a));
    }
    this.#changed();
  }

  /** Starts the count of the same panes anew. */
  restart(): void {
    const users = [...this.#directions.keys()];
    this.start(users.length === 2 ? (users as [string, string]) : undefined);
  }

  /**
   * Follows the client of a pane. `isShared`: both panes take part in the conversation; what happens in others is not
   * counted. Returns a function that ends it.
   */
  follow(user: string, client: Pick<ChatClient, 'on'>, isShared: (conversationId: string) => boolean): () => void {
    const offs = [
      client.on('outbox', ({ message, status }) => {
        if (isShared(message.conversationId)) this.#outbox(user, message.clientMessageId, status);
      }),
      client.on('message', (message) => {
        if (isShared(message.conversationId)) this.#arrived(user, message);
      }),
      client.on('conversation', (conversation) => {
        if (isShared(conversation.id)) this.#revised(user, conversation);
      }),
    ];
    return () => {
      for (const off of offs) off();
    };
  }

  /** The same object until it changes. */
  readonly get = (): LedgerTotals => {
    this.#totals ??= {
      since: this.#since,
      directions: [...this.#directions.values()].map((one) => ({ ...one, missing: this.#missing(one.from) })),
      changes: [...this.#directions.keys()].map((user) => ({ user, count: this.#changes.get(user)?.count ?? 0 })),
    };
    return this.#totals;
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #outbox(user: string, id: string, status: string): void {
    const direction = this.#directions.get(user);
    if (!direction) return;
    const key = `${user}:${id}`;
    let sent = this.#open.get(key);
    if (!sent) {
      // A message that was sent before the page was opened counts when its status changes.
      if (status === 'read' || status === 'discarded') return;
      sent = { isStored: false, isReceived: false };
      this.#open.set(key, sent);
      direction.sent++;
    }
    if (status === 'stored' && !sent.isStored) {
      sent.isStored = true;
      direction.stored++;
    }
    if (status === 'discarded') {
      this.#open.delete(key);
      direction.sent--;
    }
    this.#settle(key, sent);
  }

  #arrived(user: string, message: Message): void {
    const direction = this.#directions.get(message.senderId);
    if (direction?.to !== user) return;
    const arrivals = this.#arrivals.get(user) ?? new Arrivals();
    this.#arrivals.set(user, arrivals);
    const arrival = arrivals.add(message);
    if (arrival === 'repeated') direction.duplicates++;
    if (arrival === 'late') direction.outOfOrder++;
    const key = `${message.senderId}:${message.clientMessageId}`;
    const sent = this.#open.get(key);
    if (sent && !sent.isReceived) {
      sent.isReceived = true;
      direction.received++;
      this.#settle(key, sent);
    }
    this.#changed();
  }

  #revised(user: string, { id, rev }: ConversationSnapshot): void {
    if (rev === undefined || !this.#directions.has(user)) return;
    const changes = this.#changes.get(user) ?? new Changes();
    this.#changes.set(user, changes);
    if (changes.add(id, rev)) this.#changed();
  }

  #settle(key: string, sent: Sent): void {
    if (sent.isStored && sent.isReceived) this.#open.delete(key);
    this.#changed();
  }

  #missing(user: string): number {
    let missing = 0;
    for (const [key, { isStored, isReceived }] of this.#open) {
      if (isStored && !isReceived && key.startsWith(`${user}:`)) missing++;
    }
    return missing;
  }

  #changed(): void {
    this.#totals = undefined;
    for (const listener of this.#listeners) listener();
  }
}

/** The messages that one pane received, as far as needed to recognise repeated and late ones. */
class Arrivals {
  #last = new Map<string, number>();
  #known = new Set<string>();

  add({ conversationId, seq }: Message): 'new' | 'repeated' | 'late' {
    const key = `${conversationId}:${seq}`;
    if (this.#known.has(key)) return 'repeated';
    this.#known.add(key);
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.values().next().value as string);
    const last = this.#last.get(conversationId) ?? 0;
    if (seq < last) return 'late';
    this.#last.set(conversationId, seq);
    return 'new';
  }
}

/** The changes of messages that one pane has taken in: their numbers in each conversation, since the first known one. */
class Changes {
  count = 0;
  #last = new Map<string, number>();

  /** Returns true if there are more. */
  add(conversationId: string, rev: number): boolean {
    const last = this.#last.get(conversationId) ?? rev;
    this.#last.set(conversationId, Math.max(last, rev));
    this.count += Math.max(0, rev - last);
    return rev > last;
  }
}

function emptyDirection(from: string, to: string): LedgerDirection {
  return { from, to, sent: 0, stored: 0, received: 0, missing: 0, duplicates: 0, outOfOrder: 0 };
}
