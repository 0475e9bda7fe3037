import type { ClientEvent, Message, SyncAck, UserId } from '@chat-cluster/contracts';
import type { FakeConnection } from './connection.ts';
import { FakeRejection } from './errors.ts';
import { readFeed } from './feed.ts';
import type { Gateways } from './gateways.ts';
import type { FakeDraft, FakeHistory } from './history.ts';
import type { Presences } from './presences.ts';
import { type ValidPayloads, validators } from './validate.ts';

export interface EventDeps {
  history: FakeHistory;
  gateways: Pick<Gateways, 'emitTo' | 'refreshToken'>;
  presences: Pick<Presences, 'watch' | 'unwatch'>;
  now(): number;
}

type Handlers = { [E in ClientEvent]: (connection: FakeConnection, payload: ValidPayloads[E]) => object };

/** Handles the events of clients: stores, notifies all devices of the participants, and returns the ack. */
export class FakeEvents {
  readonly #deps: EventDeps;
  readonly #handlers: Handlers;

  constructor(deps: EventDeps) {
    this.#deps = deps;
    this.#handlers = {
      send_message: ({ userId }, draft) => ({ ok: true, ...this.send(userId, draft) }),
      read_messages: ({ userId }, mark) => this.read(userId, mark),
      sync: ({ userId }, request) => this.#sync(userId, request),
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
    const { history, gateways } = this.#deps;
    const stored = history.append(userId, draft);
    if (stored.duplicate) return stored;
    const { message } = stored;
    for (const participant of new Set([message.senderId, message.receiverId])) {
      gateways.emitTo(participant, 'new_message', message);
    }
    if (message.receiverId !== userId) this.#emitBadge(message.receiverId, message.conversationId);
    return stored;
  }

  read(userId: UserId, { conversationId, upToSeq }: ValidPayloads['read_messages']): object {
    const { history, gateways } = this.#deps;
    const { mark, moved } = history.markRead(userId, conversationId, upToSeq);
    if (moved && mark.readAt !== null) {
      const receipt = { conversationId, userId, upToSeq: mark.upToSeq, readAt: mark.readAt };
      for (const one of history.of(userId, conversationId).participantIds)
        gateways.emitTo(one, 'messages_read', receipt);
      this.#emitBadge(userId, conversationId);
    }
    return { ok: true, conversationId, upToSeq: mark.upToSeq, unread: { count: history.unreadOf(userId) } };
  }

  /** Delivers a typing signal to the devices of the other participant. */
  type(userId: UserId, { conversationId, typing }: ValidPayloads['typing']): object {
    const conversation = this.#deps.history.find(userId, conversationId);
    for (const other of conversation?.participantIds ?? []) {
      if (other !== userId) this.#deps.gateways.emitTo(other, 'typing', { conversationId, userId, typing });
    }
    return { ok: true };
  }

  #emitBadge(userId: UserId, conversationId: Message['conversationId']): void {
    const { history, gateways } = this.#deps;
    const count = history.unreadIn(userId, history.of(userId, conversationId));
    gateways.emitTo(userId, 'unread_count', {
      count: history.unreadOf(userId),
      conversations: [{ conversationId, count }],
    });
  }

  #sync(userId: UserId, { conversations, limit, since }: ValidPayloads['sync']): SyncAck {
    const { history, now } = this.#deps;
    const notFound: SyncAck['notFound'] = [];
    const synced: SyncAck['conversations'] = [];
    let left = limit;
    for (const { id, afterSeq } of conversations) {
      const found = history.find(userId, id);
      if (!found) {
        notFound.push(id);
        continue;
      }
      const messages = history.range(id, afterSeq + 1, left);
      left -= messages.length;
      const lastSeq = found.messages.length;
      synced.push({ id, messages, lastSeq, hasMore: afterSeq + messages.length < lastSeq, readMarks: found.marks });
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
      .map((one) => ({ conversationId: one.id, count: history.unreadIn(userId, one) }))
      .filter(({ count }) => count > 0)
      .slice(0, UNREAD_CONVERSATIONS);
    return { count: history.unreadOf(userId), conversations };
  }
}

/** Conversations with unread messages in one ack of `sync`, newest first. */
const UNREAD_CONVERSATIONS = 100;
