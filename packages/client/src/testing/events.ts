import type { ClientEvent, Message, SyncAck, UserId } from '@chat-cluster/contracts';
import type { FakeConnection } from './connection.ts';
import type { ConversationEvents } from './conversation-events.ts';
import { FakeRejection } from './errors.ts';
import { readFeed } from './feed.ts';
import type { Gateways } from './gateways.ts';
import type { FakeDraft, FakeHistory } from './history.ts';
import { SMALL_GROUP } from './people.ts';
import type { Presences } from './presences.ts';
import { idsOf } from './stored.ts';
import { type ValidPayloads, validators } from './validate.ts';
import { syncedView, unreadIn } from './views.ts';

export interface EventDeps {
  history: FakeHistory;
  gateways: Pick<Gateways, 'emitTo' | 'refreshToken'>;
  presences: Pick<Presences, 'watch' | 'unwatch'>;
  conversations: ConversationEvents;
  now(): number;
}

type Handlers = { [E in ClientEvent]: (connection: FakeConnection, payload: ValidPayloads[E]) => object };

/** Handles the events of clients: stores, notifies all devices of the participants, and returns the ack. */
export class FakeEvents {
  readonly #deps: EventDeps;
  readonly #handlers: Handlers;

  constructor(deps: EventDeps) {
    const { conversations } = deps;
    this.#deps = deps;
    this.#handlers = {
      send_message: ({ userId }, draft) => ({ ok: true, ...this.send(userId, draft) }),
      read_messages: ({ userId }, mark) => this.read(userId, mark),
      sync: ({ userId }, request) => this.#sync(userId, request),
      edit_message: ({ userId }, { conversationId, seq, ...edit }) =>
        conversations.changeMessage(userId, conversationId, seq, { type: 'edit', ...edit }),
      delete_message: ({ userId }, { conversationId, seq }) =>
        conversations.changeMessage(userId, conversationId, seq, { type: 'delete' }),
      set_reaction: ({ userId }, { conversationId, seq, ...reaction }) =>
        conversations.changeMessage(userId, conversationId, seq, { type: 'react', ...reaction }),
      mark_delivered: ({ userId }, marks) => conversations.deliver(userId, marks.conversations),
      create_group: ({ userId }, body) => conversations.createGroup(userId, body),
      change_group: ({ userId }, { conversationId, change, changeId }) =>
        conversations.changeGroup(userId, conversationId, change, changeId),
      set_conversation: ({ userId }, { conversationId, settings }) =>
        conversations.configure(userId, conversationId, settings),
      set_block: ({ userId }, block) => conversations.block(userId, block),
      typing: ({ userId }, signal) => this.type(userId, signal),
      refresh_token: (connection, { token }) => deps.gateways.refreshToken(connection, token),
      watch_presence: (connection, { userIds }) => ({ ok: true, presence: deps.presences.watch(connection, userIds) }),
      unwatch_presence(connection, { userIds }) {
        deps.presences.unwatch(connection, userIds);
        return { ok: true };
      },
    };
  }

  /** Validates the payload of an event and handles it. */
  handle(connection: FakeConnection, event: string, payload: unknown): object {
    if (!Object.hasOwn(this.#handlers, event)) throw new FakeRejection('UNKNOWN_EVENT');
    const name = event as ClientEvent;
    return (this.#handlers[name] as Handlers[ClientEvent])(connection, validators[name](payload) as never);
  }

  /** Stores a message and delivers it to all devices, unless it is a resend. */
  send(userId: UserId, draft: FakeDraft): { message: Message; duplicate: boolean } {
    const { history, gateways, conversations } = this.#deps;
    const stored = history.append(userId, draft);
    if (stored.duplicate) return stored;
    const { message } = stored;
    for (const participant of idsOf(history.of(userId, message.conversationId))) {
      gateways.emitTo(participant, 'new_message', message);
      if (participant !== userId) conversations.emitBadge(participant, message.conversationId);
    }
    return stored;
  }

  read(userId: UserId, { conversationId, upToSeq }: ValidPayloads['read_messages']): object {
    const { history, gateways, conversations } = this.#deps;
    const { mark, moved, cleared } = history.markRead(userId, conversationId, upToSeq);
    const conversation = history.of(userId, conversationId);
    if (moved && mark.readAt !== null) {
      const receipt = { conversationId, userId, upToSeq: mark.upToSeq, readAt: mark.readAt };
      const ids = idsOf(conversation);
      for (const one of ids.length <= SMALL_GROUP ? ids : []) gateways.emitTo(one, 'messages_read', receipt);
      conversations.emitBadge(userId, conversationId);
    }
    if (cleared) conversations.emitSettings(userId, conversation);
    return { ok: true, conversationId, upToSeq: mark.upToSeq, unread: { count: history.countsOf(userId).count } };
  }

  /** Delivers a typing signal to the devices of the other participants, in groups of up to 32 members. */
  type(userId: UserId, { conversationId, typing }: ValidPayloads['typing']): object {
    const { history, gateways } = this.#deps;
    const conversation = history.find(userId, conversationId);
    const ids = conversation ? idsOf(conversation) : [];
    if (!ids.includes(userId) || ids.length > SMALL_GROUP) return { ok: true };
    for (const other of ids) {
      if (other === userId || (conversation?.kind === 'direct' && history.areBlocked(userId, other))) continue;
      gateways.emitTo(other, 'typing', { conversationId, userId, typing });
    }
    return { ok: true };
  }

  #sync(userId: UserId, { conversations, limit, since }: ValidPayloads['sync']): SyncAck {
    const { history, now } = this.#deps;
    const notFound: SyncAck['notFound'] = [];
    const synced: SyncAck['conversations'] = [];
    let left = limit;
    for (const { id, afterSeq, afterRev } of conversations) {
      const found = history.find(userId, id);
      if (!found) {
        notFound.push(id);
        continue;
      }
      const answer = syncedView(userId, found, { afterSeq, afterRev, count: left });
      left -= answer.messages.length;
      synced.push(answer);
    }
    const feed = since === undefined ? {} : { feed: readFeed(history, userId, since, now()) };
    const hasMore = synced.some((one) => one.hasMore);
    return {
      ok: true,
      epoch: history.epoch,
      conversations: synced,
      notFound,
      hasMore,
      unread: this.#unread(userId),
      ...feed,
    };
  }

  #unread(userId: UserId): SyncAck['unread'] {
    const { history } = this.#deps;
    const conversations = history
      .all(userId)
      .toSorted((a, b) => b.updated.order - a.updated.order)
      .map((one) => ({ conversationId: one.id, count: unreadIn(userId, one).count }))
      .filter(({ count }) => count > 0)
      .slice(0, UNREAD_CONVERSATIONS);
    return { count: history.countsOf(userId).count, conversations };
  }
}

/** Conversations with unread messages in one ack of `sync`, newest first. */
const UNREAD_CONVERSATIONS = 100;
