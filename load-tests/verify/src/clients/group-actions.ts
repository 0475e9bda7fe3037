import type { GroupChatClient } from '@chat-cluster/client/groups';
import type { ChangeMessageAck, FailureAck, GroupAck } from '@chat-cluster/contracts';
import type { GroupChangeAttempt, MessageChangeAttempt, Outcome } from '@chat-cluster/testkit';
import type { Socket } from 'socket.io-client';
import { NEVER, refused } from './outcomes.ts';

/** Time after which a change of a group counts as unanswered, in ms. Longer than any response may take. */
const ACK_TIMEOUT_MS = 8_000;

export type MessageChange = MessageChangeAttempt['change'];

export interface MessagePlace {
  conversationId: string;
  seq: number;
}

/** What a device on the client library does with groups and stored messages. It records its attempts. */
export class GroupActions {
  readonly messageChanges: MessageChangeAttempt[] = [];
  readonly groupChanges: GroupChangeAttempt[] = [];
  #userId: string;
  #chat: GroupChatClient;
  #socket: () => Socket | undefined;
  #now: () => number;

  constructor(of: { userId: string; chat: GroupChatClient; socket(): Socket | undefined; now(): number }) {
    this.#userId = of.userId;
    this.#chat = of.chat;
    this.#socket = of.socket;
    this.#now = of.now;
  }

  /** Changes a message by the library, which makes one attempt. Rejects with its coded error. */
  async change({ conversationId, seq }: MessagePlace, change: MessageChange): Promise<void> {
    const conversation = this.#chat.conversation(conversationId);
    if (change.type === 'edit') await conversation.edit(seq, change);
    else if (change.type === 'delete') await conversation.delete(seq);
    else await conversation.react(seq, change.emoji, change.on);
  }

  async mute(conversationId: string, muted: boolean): Promise<void> {
    await this.#chat.conversation(conversationId).set({ muted });
  }

  /** One attempt below the library, which would choose another id for each repetition. */
  async changeGroup(of: Pick<GroupChangeAttempt, 'conversationId' | 'changeId' | 'change'>): Promise<Outcome<object>> {
    const socket = this.#socket();
    if (!socket?.connected) return { kind: 'unknown', at: this.#now() };
    const attempt: GroupChangeAttempt = { ...of, at: this.#now(), by: this.#userId, outcome: UNANSWERED };
    this.groupChanges.push(attempt);
    try {
      const ack: GroupAck | FailureAck = await socket.timeout(ACK_TIMEOUT_MS).emitWithAck('change_group', of);
      const at = this.#now();
      attempt.outcome = ack.ok ? { kind: 'acked', at } : refused(ack.error, at);
    } catch {
      // It may still take effect.
    }
    return attempt.outcome;
  }

  /** Records an attempt of the library. Returns the function that receives its ack; undefined: it is no change of a message. */
  begin(event: string, payload: object): ((ack: ChangeMessageAck | FailureAck) => void) | undefined {
    const change = changeOf(event, payload as Payload);
    if (!change) return undefined;
    const { conversationId, seq } = payload as Payload;
    const at = this.#now();
    const attempt: MessageChangeAttempt = { at, by: this.#userId, conversationId, seq, change, outcome: UNANSWERED };
    this.messageChanges.push(attempt);
    return (ack) => {
      const answeredAt = this.#now();
      attempt.outcome = ack.ok
        ? { kind: 'acked', at: answeredAt, rev: ack.message.rev ?? 0 }
        : refused(ack.error, answeredAt);
    };
  }
}

const UNANSWERED = { kind: 'unknown', at: NEVER } as const;

interface Payload extends MessagePlace {
  changeId: string;
  content: string;
  emoji: string;
  on: boolean;
}

function changeOf(event: string, { changeId, content, emoji, on }: Payload): MessageChange | undefined {
  if (event === 'edit_message') return { type: 'edit', changeId, content };
  if (event === 'delete_message') return { type: 'delete' };
  return event === 'set_reaction' ? { type: 'react', emoji, on } : undefined;
}
