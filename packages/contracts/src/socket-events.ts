import { z } from 'zod';
import { type ErrorPayload, errorPayload } from './errors.ts';
import { feedSince, readMarks, syncFeed } from './feed.ts';
import { conversationId, storeEpoch, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { draft, message } from './message.ts';

const watchedIds = z
  .array(userId)
  .min(1)
  .max(LIMITS.watchedUsers)
  .meta({ example: ['bob', 'carol'] });
const isTyping = z.boolean().meta({ example: true });

const presence = z
  .object({
    userId,
    online: z.boolean().meta({ description: 'A device of the user is connected, to any gateway', example: true }),
    lastSeenAt: z.iso.datetime().optional().meta({
      description: 'When the last connection of an offline user ended, if known; kept for an hour',
      example: '2026-01-01T12:00:30.000Z',
    }),
  })
  .meta({
    id: 'Presence',
    description: 'Whether a user is online. A user goes offline after some seconds without a connection',
  });

/** Client → server: the payload of each event. The gateway dispatches by this table; the docs are generated from it. */
export const clientEvents = {
  send_message: draft,
  read_messages: z
    .object({
      conversationId,
      upToSeq: z.int().nonnegative().optional().meta({ description: 'Default: up to the last message', example: 42 }),
    })
    .meta({ id: 'ReadMessages', description: 'Moves the read mark of the user forward; it never moves back' }),
  sync: z
    .object({
      conversations: z
        .array(
          z.object({
            id: conversationId,
            afterSeq: z.int().nonnegative().meta({
              description: 'The last `seq` up to which this device has every message; 0 for none',
              example: 41,
            }),
          }),
        )
        .max(LIMITS.syncConversations),
      limit: z
        .int()
        .min(1)
        .max(LIMITS.maxSyncSize)
        .default(LIMITS.syncSize)
        .meta({ description: 'Most messages in the ack, over all conversations' }),
      since: feedSince.optional().meta({
        description:
          'Requests `feed`, the conversations of the user with activity since then: `since` of the last `feed`, opaque; ' +
          'or `now`, which returns no conversations, only a `since` to begin with',
        example: 'now',
      }),
    })
    .meta({ id: 'Sync', description: 'Requests what this device missed: after each connect, and on `sync_required`' }),
  watch_presence: z.object({ userIds: watchedIds }).meta({
    id: 'WatchPresence',
    description:
      'Requests the presence of users, and their changes until this connection ends. Adds to earlier requests. ' +
      'By default users without a common conversation appear offline',
  }),
  unwatch_presence: z
    .object({ userIds: watchedIds })
    .meta({ id: 'UnwatchPresence', description: 'Ends `presence` events for these users' }),
  typing: z.object({ conversationId, typing: isTyping }).meta({
    id: 'TypingSignal',
    description: 'The user is typing: repeat `true` every 3 s meanwhile, and send `false` at the end',
  }),
  refresh_token: z
    .object({ token: z.string().min(1).max(LIMITS.tokenLength).meta({ description: 'A new JWT of the same user' }) })
    .meta({
      id: 'RefreshToken',
      description: 'Replaces the token of this connection, which lasts as long as its token',
    }),
} as const;

export type ClientEvent = keyof typeof clientEvents;
export type ReadMessages = z.infer<(typeof clientEvents)['read_messages']>;
export type TypingSignal = z.infer<(typeof clientEvents)['typing']>;
export type SyncRequest = z.output<(typeof clientEvents)['sync']>;

const failure = z.object({ ok: z.literal(false), error: errorPayload });

const sent = z
  .object({
    ok: z.literal(true),
    message,
    duplicate: z.boolean().meta({ description: 'True for a resend: `message` is the first one', example: false }),
  })
  .meta({ id: 'SendMessageAck', description: 'The message is committed: durable, ordered and never stored twice' });

const read = z
  .object({
    ok: z.literal(true),
    conversationId,
    upToSeq: z.int().nonnegative().meta({ description: 'The current read mark', example: 42 }),
    unread: z.object({ count: z.int().nonnegative().meta({ example: 0 }) }),
  })
  .meta({ id: 'ReadMessagesAck', description: 'The mark is committed. `unread.count` covers all conversations' });

const synced = z
  .object({
    ok: z.literal(true),
    epoch: storeEpoch,
    conversations: z.array(
      z
        .object({
          id: conversationId,
          messages: z.array(message).meta({ description: 'Messages after `afterSeq`, in order and without a gap' }),
          lastSeq: z.int().nonnegative().meta({ description: 'The last `seq` of the conversation', example: 42 }),
          hasMore: z.boolean().meta({ description: 'More messages exist: sync again after the last of `messages`' }),
          readMarks,
        })
        .meta({ id: 'SyncedConversation' }),
    ),
    notFound: z.array(conversationId).meta({ description: 'Requested ids of conversations that you are not in' }),
    hasMore: z.boolean().meta({ description: 'At least one conversation has more messages', example: false }),
    unread: z
      .object({
        count: z.int().nonnegative().meta({ description: 'Unread messages over all conversations', example: 1 }),
        conversations: z
          .array(z.object({ conversationId, count: z.int().positive().meta({ example: 1 }) }))
          .meta({ description: 'Conversations with unread messages, newest first, including ones new to this device' }),
      })
      .meta({ id: 'SyncedUnread' }),
    feed: syncFeed.optional().meta({
      description: 'Only if the request has `since`. Gateways of earlier versions ignore `since` and return no `feed`',
    }),
  })
  .meta({ id: 'SyncAck', description: 'Committed state. Everything later arrives as an event' });

const watched = z
  .object({ ok: z.literal(true), presence: z.array(presence).meta({ description: 'In the order of the request' }) })
  .meta({ id: 'WatchPresenceAck', description: 'The current presence. Later changes arrive as `presence`' });

const done = z.object({ ok: z.literal(true) }).meta({ id: 'DoneAck', description: 'Done' });

const refreshed = z
  .object({
    ok: z.literal(true),
    expiresInMs: z
      .int()
      .nonnegative()
      .meta({ description: 'Time until the new token expires, in ms', example: 3_600_000 }),
  })
  .meta({ id: 'RefreshTokenAck', description: 'The connection continues until the new token expires' });

/** The ack of each event, for clients that pass a callback. */
export const clientAcks = {
  send_message: z.union([sent, failure]),
  read_messages: z.union([read, failure]),
  sync: z.union([synced, failure]),
  watch_presence: z.union([watched, failure]),
  unwatch_presence: z.union([done, failure]),
  typing: z.union([done, failure]),
  refresh_token: z.union([refreshed, failure]),
} as const satisfies Record<ClientEvent, z.ZodType>;

export type SendAck = z.infer<typeof sent>;
export type ReadAck = z.infer<typeof read>;
export type SyncAck = z.infer<typeof synced>;
export type WatchPresenceAck = z.infer<typeof watched>;
export type DoneAck = z.infer<typeof done>;
export type RefreshTokenAck = z.infer<typeof refreshed>;
export type SyncedConversation = SyncAck['conversations'][number];
export type FailureAck = z.infer<typeof failure>;

/** Server → client: the payload of each event. */
export const serverEvents = {
  session: z
    .object({
      userId,
      connectionId: z.string().meta({ example: 'Zb3sYp0TqN4mXQy1AAAB' }),
      gatewayId: z.string().meta({ example: 'gateway-1' }),
      serverTime: z.iso.datetime().meta({ example: '2026-01-01T12:00:00.000Z' }),
      epoch: storeEpoch,
    })
    .meta({ id: 'Session', description: 'First event after each connect and reconnect' }),
  new_message: message,
  unread_count: z
    .object({
      count: z.int().nonnegative().meta({ description: 'Unread messages over all conversations', example: 3 }),
      conversations: z
        .array(z.object({ conversationId, count: z.int().nonnegative().meta({ example: 3 }) }))
        .optional()
        .meta({ description: 'Counts of the conversations that may have changed' }),
    })
    .meta({ id: 'UnreadCount', description: 'The badge: on connect, after a message to the user, after a read' }),
  messages_read: z
    .object({
      conversationId,
      userId,
      upToSeq: z.int().positive().meta({ example: 42 }),
      readAt: z.iso.datetime().meta({ example: '2026-01-01T12:00:05.000Z' }),
    })
    .meta({ id: 'MessagesRead', description: 'Read receipt for both participants: `userId` has read up to `upToSeq`' }),
  sync_required: z.object({ reason: z.enum(['fanout_gap', 'store_restored']) }).meta({
    id: 'SyncRequired',
    description:
      'Send `sync`. Events to this device may have been lost, because the fan-out was interrupted; or the database was ' +
      'restored to an earlier state, and the ack of `sync` has another `epoch`',
  }),
  server_draining: z
    .object({
      reconnectInMs: z.int().nonnegative().meta({
        description: 'Time until the gateway closes this connection, in ms; differs between connections',
        example: 12_500,
      }),
    })
    .meta({
      id: 'ServerDraining',
      description:
        'This gateway is shutting down and closes this connection after `reconnectInMs`, once the acks of all received ' +
        'events are sent. A stock client reconnects by itself; no action is needed, but an app may reconnect sooner',
    }),
  presence,
  typing: z.object({ conversationId, userId, typing: isTyping }).meta({
    id: 'Typing',
    description: 'The other participant is typing, or has stopped (this event may be lost: show it for 5 s at most)',
  }),
  token_expiring: z
    .object({
      expiresInMs: z.int().nonnegative().meta({
        description: 'Time until the token of this connection expires, in ms',
        example: 60_000,
      }),
    })
    .meta({
      id: 'TokenExpiring',
      description: 'The token expires soon: send a new one with `refresh_token`, or reconnect with a new one later',
    }),
  session_ended: z.object({ error: errorPayload }).meta({
    id: 'SessionEnded',
    description:
      'The gateway closes this connection now. After `TOKEN_EXPIRED` a stock client reconnects by itself and needs a ' +
      'new token (make `auth` a function); after `TOKEN_REVOKED` it stays disconnected. May be lost',
  }),
  exception: z
    .object({ event: z.string().meta({ example: 'send_message' }), error: errorPayload })
    .meta({ id: 'Exception', description: 'The error of an event that was sent without an ack callback' }),
} as const;

export type ServerEvent = keyof typeof serverEvents;
export type Session = z.infer<(typeof serverEvents)['session']>;
export type UnreadCount = z.infer<(typeof serverEvents)['unread_count']>;
export type MessagesRead = z.infer<(typeof serverEvents)['messages_read']>;
export type SyncRequired = z.infer<(typeof serverEvents)['sync_required']>;
export type ServerDraining = z.infer<(typeof serverEvents)['server_draining']>;
export type Presence = z.infer<typeof presence>;
export type Typing = z.infer<(typeof serverEvents)['typing']>;
export type Exception = z.infer<(typeof serverEvents)['exception']>;

/** Event maps of Socket.IO's types, for servers and clients. */
export type ClientToServerEvents = {
  [E in ClientEvent]: (
    payload: z.input<(typeof clientEvents)[E]>,
    ack?: (result: z.infer<(typeof clientAcks)[E]>) => void,
  ) => void;
};

export type ServerToClientEvents = {
  [E in ServerEvent]: (payload: z.infer<(typeof serverEvents)[E]>) => void;
};

/** `connect_error.data` of a rejected handshake. */
export type ConnectErrorData = ErrorPayload;
