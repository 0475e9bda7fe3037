import type { ConversationId } from '@chat-cluster/contracts';
import { type KnownConversations, typingRecipient } from '@chat-cluster/domain';
import type { EphemeralEmitter } from '@chat-cluster/redis';
import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import type { ChatSocket } from '../server.ts';
import type { Handlers } from './dispatch.ts';
import { TokenBucket } from './token-bucket.ts';

const signals = new Counter({
  name: 'chat_typing_total',
  help: 'Typing signals of clients: relayed, repeated (too soon), excess (too many), unheard (nobody to tell is known)',
  labelNames: ['result'],
});

/** A client repeats itself every 3 s and shows what it hears for 5 s: what comes sooner says nothing new. */
const REPEAT_MS = 1_000;
/** Signals of one socket that are relayed, over all conversations: nobody types in more than a few. */
const PER_SECOND = 4;
const BURST = 20;
/** Conversations of one socket of which it is known what was relayed last. */
const REMEMBERED = 20;

/**
 * `typing`: relayed to every device of the other participant, volatile, on the word of what is known here; Postgres is
 * never asked. What is not worth relaying is dropped with the same ack.
 */
export function typingEvent(deps: {
  conversations: KnownConversations;
  ephemeral: EphemeralEmitter;
}): Pick<Handlers, 'typing'> {
  const relays = new WeakMap<ChatSocket, Relay>();
  return {
    async typing(userId, { conversationId, typing }, socket) {
      const hearer = await typingRecipient(deps.conversations, conversationId, userId);
      if (hearer === undefined) {
        signals.inc({ result: 'unheard' });
        return { ok: true };
      }
      const relay = relays.get(socket) ?? new Relay();
      relays.set(socket, relay);
      const result = relay.admit(conversationId, typing);
      if (result === 'relayed') deps.ephemeral.emit('typing', hearer, { conversationId, userId, typing });
      signals.inc({ result });
      return { ok: true };
    },
  };
}

/** What one socket may relay. At most two signals a second and conversation: a beginning and its end. */
class Relay {
  #bucket = new TokenBucket(PER_SECOND, BURST);
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
