import { z } from 'zod';
import { type ErrorPayload, errorPayload } from './errors.ts';
import { conversationId, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { type Draft, draft, type Message, message } from './message.ts';

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
} as const;

export type ClientEvent = keyof typeof clientEvents;
export type ReadMessages = z.infer<(typeof clientEvents)['read_messages']>;
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

/** Acks, for clients that pass a callback. */
export const clientAcks = {
  send_message: z.union([sent, failure]),
  read_messages: z.union([read, failure]),
  sync: z.union([synced, failure]),
} as const;

export type SendAck = z.infer<typeof sent>;
export type ReadAck = z.infer<typeof read>;
export type SyncAck = z.infer<typeof synced>;
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
  exception: z
    .object({ event: z.string().meta({ example: 'send_message' }), error: errorPayload })
    .meta({ id: 'Exception', description: 'The error of an event that was sent without an ack callback' }),
} as const;

export type ServerEvent = keyof typeof serverEvents;
export type Session = z.infer<(typeof serverEvents)['session']>;
export type UnreadCount = z.infer<(typeof serverEvents)['unread_count']>;
export type MessagesRead = z.infer<(typeof serverEvents)['messages_read']>;
export type SyncRequired = z.infer<(typeof serverEvents)['sync_required']>;
export type Exception = z.infer<(typeof serverEvents)['exception']>;

/** Socket.IO's typed event maps, for servers and clients alike. */
export interface ClientToServerEvents {
  send_message: (payload: Draft, ack?: (result: SendAck | FailureAck) => void) => void;
  read_messages: (payload: ReadMessages, ack?: (result: ReadAck | FailureAck) => void) => void;
  sync: (payload: z.input<(typeof clientEvents)['sync']>, ack?: (result: SyncAck | FailureAck) => void) => void;
}

export interface ServerToClientEvents {
  session: (payload: Session) => void;
  new_message: (payload: Message) => void;
  unread_count: (payload: UnreadCount) => void;
  messages_read: (payload: MessagesRead) => void;
  sync_required: (payload: SyncRequired) => void;
  exception: (payload: Exception) => void;
}

/** `connect_error.data` of a refused handshake. */
export type ConnectErrorData = ErrorPayload;
