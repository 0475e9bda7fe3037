import { z } from 'zod';
import { errorPayload } from './errors.ts';
import { conversationSettings, groupOfMember } from './group.ts';
import { conversationId, storeEpoch, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { emoji, message, reaction } from './message.ts';
import { presence } from './presence.ts';

const deliveredMark = z
  .object({ conversationId, userId, upToSeq: z.int().positive().meta({ example: 42 }) })
  .meta({ id: 'DeliveredMark', description: 'A device of `userId` has the messages up to `upToSeq`' });

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
      mutedCount: z.int().positive().optional().meta({
        description: 'Unread messages of muted conversations, which `count` does not contain; absent: none',
      }),
      mentionCount: z.int().positive().optional().meta({
        description: 'Unread messages that mention the user, also of muted conversations; absent: none',
      }),
    })
    .meta({ id: 'UnreadCount', description: 'The badge: on connect, after a message to the user, after a read' }),
  message_changed: z
    .object({
      conversationId,
      seq: z.int().positive().meta({ example: 42 }),
      rev: z.int().positive().meta({ description: 'Number of this change: 1, 2, 3 … in the conversation', example: 7 }),
      by: userId.meta({ description: 'The user who made the change' }),
      at: z.iso.datetime().meta({ example: '2026-01-01T12:01:00.000Z' }),
      edited: z
        .object({ content: message.shape.content, mentions: message.shape.mentions })
        .optional()
        .meta({ description: 'The new text' }),
      deleted: z.literal(true).optional().meta({ description: 'The content is removed' }),
      reactions: z.array(reaction).optional().meta({ description: 'All reactions after the change, without `mine`' }),
      reacted: z.object({ emoji, on: z.boolean() }).optional().meta({
        description: 'What `by` did; in a group of more than 32 members one event may contain several changes',
      }),
      covers: z.array(z.int().positive()).optional().meta({
        description: 'Numbers before it without an event: a later change of the same message has replaced theirs',
      }),
    })
    .meta({
      id: 'MessageChanged',
      description:
        'A message was edited or deleted, or has other reactions: `edited`, `deleted` or `reactions`. The event may come ' +
        'again with the same `rev`, then with `edited` and `reactions` of the message after this change. A number that is ' +
        'missing is a change that this device missed: send `sync` with `afterRev`. Only for connections with ' +
        '`auth.protocol` 2',
    }),
  conversation_changed: z
    .object({
      conversationId,
      group: groupOfMember.optional().meta({ description: 'The group as the user sees it now' }),
      settings: conversationSettings.optional().meta({ description: 'Changed on another device' }),
    })
    .meta({
      id: 'ConversationChanged',
      description:
        'The user was added to a group or removed from it, its title (with up to 32 members) or the own role has changed, ' +
        'or another device has changed the settings. Only for connections with `auth.protocol` 2',
    }),
  block_changed: z.object({ userId, blocked: z.boolean().meta({ example: true }) }).meta({
    id: 'BlockChanged',
    description:
      'A device of this user has blocked `userId`, or ended the block. May be lost: `GET /api/blocks` has all of them. Only ' +
      'for connections with `auth.protocol` 2',
  }),
  messages_delivered: z.object({ marks: z.array(deliveredMark).min(1) }).meta({
    id: 'MessagesDelivered',
    description: 'Delivered marks of other users, collected for a moment. Only for connections with `auth.protocol` 2',
  }),
  messages_read: z
    .object({
      conversationId,
      userId,
      upToSeq: z.int().positive().meta({ example: 42 }),
      readAt: z.iso.datetime().meta({ example: '2026-01-01T12:00:05.000Z' }),
    })
    .meta({
      id: 'MessagesRead',
      description: `Read receipt for all participants, up to ${LIMITS.smallGroup}: \`userId\` has read up to \`upToSeq\``,
    }),
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
  typing: z.object({ conversationId, userId, typing: z.boolean().meta({ example: true }) }).meta({
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
export type MessageChanged = z.infer<(typeof serverEvents)['message_changed']>;
export type ConversationChanged = z.infer<(typeof serverEvents)['conversation_changed']>;
export type BlockChanged = z.infer<(typeof serverEvents)['block_changed']>;
export type MessagesDelivered = z.infer<(typeof serverEvents)['messages_delivered']>;
export type DeliveredMark = z.infer<typeof deliveredMark>;
export type MessagesRead = z.infer<(typeof serverEvents)['messages_read']>;
export type SyncRequired = z.infer<(typeof serverEvents)['sync_required']>;
export type ServerDraining = z.infer<(typeof serverEvents)['server_draining']>;
export type Typing = z.infer<(typeof serverEvents)['typing']>;
export type Exception = z.infer<(typeof serverEvents)['exception']>;
