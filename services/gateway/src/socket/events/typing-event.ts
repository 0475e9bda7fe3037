import { type ConversationId, Rejection, type TypingSignal, type UserId } from '@chat-cluster/contracts';
import { type KnownConversations, typingRecipients } from '@chat-cluster/domain';
import type { EphemeralEmitter } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import { rateOf, TokenBucket } from '../../token-bucket.ts';
import type { ChatSocket } from '../chat-socket.ts';
import type { Handler } from './dispatch.ts';

const signals = new Counter({
  name: 'chat_typing_total',
  help: 'Typing signals of clients: relayed, repeated (too soon), excess (too many), unheard (unknown recipient)',
  labelNames: ['result'],
});

/** Shortest time between two relayed `typing: true`, in ms. Clients repeat it every 3 s and show it for 5 s. */
const REPEAT_MS = 1_000;
/** Relayed signals of one socket over all its conversations; a user types in a few at most. */
const RATE = rateOf(4, 20);
/** Conversations of one socket whose last relayed signal is remembered. */
const REMEMBERED = 20;

export interface TypingDeps {
  conversations: KnownConversations;
  ephemeral: EphemeralEmitter;
  logger: Logger;
}

/**
 * Handler of `typing`: relays the signal to every device of the other participant, or of the other members of a small
 * group. The relay is volatile, and looks for the conversation in this process and in the cache only. Of one that is known
 * to be the user's, it reads from Postgres what may have changed: members, and blocks that this process has not read. Every
 * signal gets the same ack before the recipient is looked for, so neither the ack nor its duration shows whether there is
 * such a conversation.
 */
export function typingHandler({ conversations, ephemeral, logger }: TypingDeps): Handler<'typing'> {
  const limits = new WeakMap<ChatSocket, RelayLimit>();
  const relay = async (userId: UserId, { conversationId, typing }: TypingSignal, socket: ChatSocket) => {
    const recipients = await typingRecipients(conversations, conversationId, userId);
    if (recipients.length === 0) {
      signals.inc({ result: 'unheard' });
      return;
    }
    const limit = limits.get(socket) ?? new RelayLimit();
    limits.set(socket, limit);
    const result = limit.admit(conversationId, typing);
    if (result === 'relayed') {
      for (const to of recipients) ephemeral.emit('typing', to, { conversationId, userId, typing });
    }
    signals.inc({ result });
  };
  return async function acceptTyping(userId, signal, socket) {
    relay(userId, signal, socket).catch((err: unknown) => {
      // The store does not respond, which is logged where it is called: each user who types would repeat it.
      if (err instanceof Rejection) signals.inc({ result: 'unheard' });
      else logger.error({ err }, 'typing: a fault');
    });
    return { ok: true };
  };
}

/** Which signals of one socket are relayed: at most two per second and conversation, one begin and one end. */
class RelayLimit {
  #bucket = new TokenBucket(RATE);
  #last = new LRUCache<ConversationId, { typing: boolean; begunAt: number }>({ max: REMEMBERED });

  admit(id: ConversationId, typing: boolean): 'relayed' | 'repeated' | 'excess' {
    const last = this.#last.get(id);
    const now = performance.now();
    if (typing ? last && now - last.begunAt < REPEAT_MS : !last?.typing) return 'repeated';
    if (this.#bucket.take() > 0) return 'excess';
    this.#last.set(id, { typing, begunAt: typing || !last ? now : last.begunAt });
    return 'relayed';
  }
}
