import type { ConversationSnapshot } from '@chat-cluster/client';
import type { GroupChatClient } from '@chat-cluster/client/groups';
import type { Message } from '@chat-cluster/contracts';
import { type Badge, type DeviceHistory, seen } from '@chat-cluster/testkit';

/** What a library device shows beside new messages: changes of them, marks of users, and counts. It records each change. */
export class ShownState {
  #history: DeviceHistory;
  #now: () => number;
  #chat: GroupChatClient | undefined;
  /** The last change that is shown of each message, by conversation and seq. */
  #revs = new Map<string, number>();
  #delivered = new Map<string, number>();

  constructor(history: DeviceHistory, now: () => number, chat?: GroupChatClient) {
    this.#history = history;
    this.#now = now;
    this.#chat = chat;
  }

  badge(count: number | undefined): Badge | undefined {
    return count === undefined ? undefined : { count, ...this.#chat?.counts };
  }

  received(message: Message): void {
    this.#history.events.push({ kind: 'message', at: this.#now(), ...seen(message) });
    this.shows([message]);
  }

  /** These messages are recorded as they are. */
  shows(messages: readonly Message[]): void {
    for (const message of messages) this.#revs.set(placeOf(message), message.rev ?? 0);
  }

  /** Records the messages that are shown with another change than before. */
  update(messages: readonly (Message & { isChanging?: true })[]): void {
    for (const message of messages) {
      const { rev = 0, isChanging } = message;
      const before = this.#revs.get(placeOf(message));
      if (before === undefined || before === rev || isChanging) continue;
      this.#history.events.push({ kind: 'changed', at: this.#now(), ...seen(message) });
      this.shows([message]);
    }
  }

  marked(of: 'read' | 'delivered', mark: { conversationId: string; userId: string; upToSeq: number }): void {
    const { conversationId, userId, upToSeq } = mark;
    this.#history.events.push({ kind: 'receipt', at: this.#now(), of, conversationId, userId, upToSeq });
  }

  conversationChanged({ id, deliveredMarks = {} }: ConversationSnapshot): void {
    for (const [userId, upToSeq] of Object.entries(deliveredMarks)) {
      const key = `${id} ${userId}`;
      if (this.#delivered.get(key) === upToSeq) continue;
      this.#delivered.set(key, upToSeq);
      this.marked('delivered', { conversationId: id, userId, upToSeq });
    }
  }

  /** The store has another epoch. */
  restart(): void {
    this.#revs.clear();
    this.#delivered.clear();
  }
}

function placeOf({ conversationId, seq }: Message): string {
  return `${conversationId} ${seq}`;
}
