import { z } from 'zod';
import type { ClientEvent } from './client-events.ts';
import { errorPayload } from './errors.ts';
import { readMarks, syncFeed } from './feed.ts';
import { conversationSettings, group, groupOfMember } from './group.ts';
import { conversationId, storeEpoch, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { message } from './message.ts';
import { presence } from './presence.ts';

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
          readMarks: readMarks.meta({
            description: `In a group of more than ${LIMITS.smallGroup} members only the own read mark`,
          }),
          deliveredMarks: z
            .array(z.object({ userId, upToSeq: z.int().positive().meta({ example: 42 }) }))
            .optional()
            .meta({ description: 'Only those ahead of the read mark of their user; absent when there are none' }),
          changed: z.array(message).optional().meta({
            description:
              'Only if the request has `afterRev`: messages up to `afterSeq` that have changed since, by `rev`',
          }),
          lastRev: z.int().nonnegative().optional().meta({
            description:
              'Only if the request has `afterRev`: send it as `afterRev` next. With `hasMoreChanges`: of the last of `changed`',
          }),
          hasMoreChanges: z.literal(true).optional().meta({ description: 'More changes exist: sync again' }),
          group: groupOfMember.optional().meta({
            description: 'Only of a group. `seq` outside of its windows are not visible to the user, and never arrive',
          }),
          settings: conversationSettings.optional().meta({ description: 'Absent while all have their defaults' }),
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

const changed = z
  .object({ ok: z.literal(true), message: message.meta({ description: 'The message after the change' }) })
  .meta({ id: 'ChangeMessageAck', description: 'The change is committed' });

const grouped = z
  .object({ ok: z.literal(true), group })
  .meta({ id: 'GroupAck', description: 'The change is committed. `group` is its state for this user' });

const configured = z
  .object({ ok: z.literal(true), settings: conversationSettings })
  .meta({ id: 'SettingsAck', description: 'All settings of the conversation' });

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
  edit_message: z.union([changed, failure]),
  delete_message: z.union([changed, failure]),
  set_reaction: z.union([changed, failure]),
  mark_delivered: z.union([done, failure]),
  create_group: z.union([grouped, failure]),
  change_group: z.union([grouped, failure]),
  set_conversation: z.union([configured, failure]),
  set_block: z.union([done, failure]),
  watch_presence: z.union([watched, failure]),
  unwatch_presence: z.union([done, failure]),
  typing: z.union([done, failure]),
  refresh_token: z.union([refreshed, failure]),
} as const satisfies Record<ClientEvent, z.ZodType>;

export type SendAck = z.infer<typeof sent>;
export type ReadAck = z.infer<typeof read>;
export type SyncAck = z.infer<typeof synced>;
export type ChangeMessageAck = z.infer<typeof changed>;
export type GroupAck = z.infer<typeof grouped>;
export type SettingsAck = z.infer<typeof configured>;
export type WatchPresenceAck = z.infer<typeof watched>;
export type DoneAck = z.infer<typeof done>;
export type RefreshTokenAck = z.infer<typeof refreshed>;
export type SyncedConversation = SyncAck['conversations'][number];
export type FailureAck = z.infer<typeof failure>;
