import { z } from 'zod';
import { type ErrorPayload, errorPayload } from './errors.ts';
import { conversationId, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { type Draft, draft, type Message, message } from './message.ts';

const watchedIds = z
  .array(userId)
  .min(1)
  .max(LIMITS.watchedUsers)
  .meta({ example: ['bob', 'carol'] });
const isTyping = z.boolean().meta({ example: true });

const presence = z
  .object({
    userId,
    online: z.boolean().meta({ description: 'Some device of the user is connected, on any gateway', example: true }),
    lastSeenAt: z.iso.datetime().optional().meta({
      description: 'Of a user who is offline, for an hour, when it is known: the end of the last connection',
      example: '2026-01-01T12:00:30.000Z',
    }),
  })
  .meta({
    id: 'Presence',
    description: 'Whether a user is online. Told offline after some seconds without a connection',
  });

/** Client → server: the payload of each event. The one table from which the gateway dispatches and the docs are made. */
export const clientEvents = {
  send_message: draft,
  read_messages: z
    .object({
      conversationId,
      upToSeq: z.int().nonnegative().optional().meta({ description: 'Absent: everything so far', example: 42 }),
    })
    .meta({ id: 'ReadMessages', description: 'Moves the read mark of the reader; it never moves back' }),
  sync: z
    .object({
      conversations: z
        .array(
          z.object({
            id: conversationId,
            afterSeq: z.int().nonnegative().meta({
              description: 'The last seq up to which this device holds every message; 0 for none',
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
        .meta({ description: 'Messages in the answer, over all conversations' }),
    })
    .meta({ id: 'Sync', description: 'What this device missed: after each connect, and on `sync_required`' }),
  watch_presence: z.object({ userIds: watchedIds }).meta({
    id: 'WatchPresence',
    description:
      'Asks who is online and to be told of changes, for as long as this connection lasts. Adds to earlier ones',
  }),
  unwatch_presence: z
    .object({ userIds: watchedIds })
    .meta({ id: 'UnwatchPresence', description: 'No further `presence` of these users' }),
  typing: z.object({ conversationId, typing: isTyping }).meta({
    id: 'TypingSignal',
    description: 'The user is typing: repeat it every 3 s while that lasts, and send false when it ends',
  }),
} as const;

export type ClientEvent = keyof typeof clientEvents;
export type ReadMessages = z.infer<(typeof clientEvents)['read_messages']>;
export type TypingSignal = z.infer<(typeof clientEvents)['typing']>;
export type SyncQuestion = z.output<(typeof clientEvents)['sync']>;

const failure = z.object({ ok: z.literal(false), error: errorPayload });

const sent = z
  .object({
    ok: z.literal(true),
    message,
    duplicate: z.boolean().meta({ description: 'This is the first result of an earlier send', example: false }),
  })
  .meta({ id: 'SendMessageAck', description: 'Committed: durable, ordered, never stored twice' });

const read = z
  .object({
    ok: z.literal(true),
    conversationId,
    upToSeq: z.int().nonnegative().meta({ description: 'The read mark now', example: 42 }),
    unread: z.object({ count: z.int().nonnegative().meta({ example: 0 }) }),
  })
  .meta({ id: 'ReadMessagesAck', description: 'Committed, with the total unread count of the reader' });

const synced = z
  .object({
    ok: z.literal(true),
    conversations: z.array(
      z
        .object({
          id: conversationId,
          messages: z.array(message).meta({ description: 'Those after `afterSeq` in order, without a gap' }),
          lastSeq: z.int().nonnegative().meta({ description: 'The newest of the conversation', example: 42 }),
          hasMore: z.boolean().meta({ description: 'Not all fitted: ask again after the last of `messages`' }),
          readMarks: z.array(
            z.object({
              userId,
              upToSeq: z.int().nonnegative().meta({ example: 41 }),
              readAt: z.iso.datetime().nullable().meta({ example: '2026-01-01T12:00:05.000Z' }),
            }),
          ),
        })
        .meta({ id: 'SyncedConversation' }),
    ),
    notFound: z.array(conversationId).meta({ description: 'Asked about, but you are in no such conversation' }),
    hasMore: z.boolean().meta({ description: 'Some conversation has more', example: false }),
    unread: z
      .object({
        count: z.int().nonnegative().meta({ description: 'Unread messages over all conversations', example: 1 }),
        conversations: z
          .array(z.object({ conversationId, count: z.int().positive().meta({ example: 1 }) }))
          .meta({ description: 'Those with unread messages, newest first: also ones this device never heard of' }),
      })
      .meta({ id: 'SyncedUnread' }),
  })
  .meta({ id: 'SyncAck', description: 'Committed state: whatever comes after it, comes as an event' });

const watched = z
  .object({ ok: z.literal(true), presence: z.array(presence).meta({ description: 'In the order asked' }) })
  .meta({ id: 'WatchPresenceAck', description: 'How they stand now: whatever changes after it, comes as `presence`' });

const done = z.object({ ok: z.literal(true) }).meta({ id: 'DoneAck', description: 'Done' });

/** Acks, for clients that pass a callback. */
export const clientAcks = {
  send_message: z.union([sent, failure]),
  read_messages: z.union([read, failure]),
  sync: z.union([synced, failure]),
  watch_presence: z.union([watched, failure]),
  unwatch_presence: z.union([done, failure]),
  typing: z.union([done, failure]),
} as const;

export type SendAck = z.infer<typeof sent>;
export type ReadAck = z.infer<typeof read>;
export type SyncAck = z.infer<typeof synced>;
export type WatchPresenceAck = z.infer<typeof watched>;
export type DoneAck = z.infer<typeof done>;
export type SyncedConversation = SyncAck['conversations'][number];
export type FailureAck = z.infer<typeof failure>;

/** Server → client. */
export const serverEvents = {
  session: z
    .object({
      userId,
      connectionId: z.string().meta({ example: 'Zb3sYp0TqN4mXQy1AAAB' }),
      gatewayId: z.string().meta({ example: 'gateway-1' }),
      serverTime: z.iso.datetime().meta({ example: '2026-01-01T12:00:00.000Z' }),
    })
    .meta({ id: 'Session', description: 'Sent right after connect, also after each reconnect' }),
  new_message: message,
  unread_count: z
    .object({
      count: z.int().nonnegative().meta({ description: 'Unread messages over all conversations', example: 3 }),
      conversations: z
        .array(z.object({ conversationId, count: z.int().nonnegative().meta({ example: 3 }) }))
        .optional()
        .meta({ description: 'The conversations whose count may have changed' }),
    })
    .meta({ id: 'UnreadCount', description: 'The badge: on connect, after a message to the user, after a read' }),
  messages_read: z
    .object({
      conversationId,
      userId,
      upToSeq: z.int().positive().meta({ example: 42 }),
      readAt: z.iso.datetime().meta({ example: '2026-01-01T12:00:05.000Z' }),
    })
    .meta({ id: 'MessagesRead', description: 'Read receipt, to both sides: `userId` has read up to `upToSeq`' }),
  sync_required: z.object({ reason: z.enum(['fanout_gap']) }).meta({
    id: 'SyncRequired',
    description: 'Events may have been lost on their way to this device (the fan-out was interrupted): send `sync`',
  }),
  server_draining: z
    .object({
      reconnectInMs: z.int().nonnegative().meta({
        description: 'When this connection is closed; each has a moment of its own',
        example: 12_500,
      }),
    })
    .meta({
      id: 'ServerDraining',
      description:
        'This gateway is about to stop. Nothing needs to be done: the connection is closed in so many milliseconds, after ' +
        'the acks of what was sent, and a stock client connects again by itself. An app may do it sooner',
    }),
  presence,
  typing: z.object({ conversationId, userId, typing: isTyping }).meta({
    id: 'Typing',
    description: 'The other participant is typing, or not any more. Show it for 5 s at the most: it may be lost',
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

/** Socket.IO's typed event maps, for servers and clients alike. */
export interface ClientToServerEvents {
  send_message: (payload: Draft, ack?: (result: SendAck | FailureAck) => void) => void;
  read_messages: (payload: ReadMessages, ack?: (result: ReadAck | FailureAck) => void) => void;
  sync: (payload: z.input<(typeof clientEvents)['sync']>, ack?: (result: SyncAck | FailureAck) => void) => void;
  watch_presence: (
    payload: z.input<(typeof clientEvents)['watch_presence']>,
    ack?: (result: WatchPresenceAck | FailureAck) => void,
  ) => void;
  unwatch_presence: (
    payload: z.input<(typeof clientEvents)['unwatch_presence']>,
    ack?: (result: DoneAck | FailureAck) => void,
  ) => void;
  typing: (payload: z.input<(typeof clientEvents)['typing']>, ack?: (result: DoneAck | FailureAck) => void) => void;
}

export interface ServerToClientEvents {
  session: (payload: Session) => void;
  new_message: (payload: Message) => void;
  unread_count: (payload: UnreadCount) => void;
  messages_read: (payload: MessagesRead) => void;
  sync_required: (payload: SyncRequired) => void;
  server_draining: (payload: ServerDraining) => void;
  presence: (payload: Presence) => void;
  typing: (payload: Typing) => void;
  exception: (payload: Exception) => void;
}

/** `connect_error.data` of a refused handshake. */
export type ConnectErrorData = ErrorPayload;
