import { z } from 'zod';
import { feedSince } from './feed.ts';
import { changeId, createGroupBody, groupChange, settingsBody } from './group.ts';
import { conversationId, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { content, draft, emoji } from './message.ts';
import { isVisible } from './visible-text.ts';

const watchedIds = z
  .array(userId)
  .min(1)
  .max(LIMITS.watchedUsers)
  .meta({ example: ['bob', 'carol'] });
/** The message that an event changes. */
const changedMessage = { conversationId, seq: z.int().positive().meta({ example: 42 }) };

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
            afterRev: z
              .int()
              .nonnegative()
              .optional()
              .meta({
                description:
                  'Also requests the messages up to `afterSeq` that have changed: those with a greater `rev`. The last ' +
                  '`rev` up to which this device has every change; 0 for none',
                example: 7,
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
  edit_message: z
    .object({ ...changedMessage, content, mentions: draft.shape.mentions, changeId: changeId.optional() })
    .refine((value) => isVisible(value.content ?? ''), {
      message: 'an edited message needs content',
      path: ['content'],
    })
    .meta({
      id: 'EditMessage',
      description:
        'Replaces the text of a message. The sender may edit for a while (EDIT_WINDOW_MS), owners and admins of a ' +
        'group at any time. Earlier versions are kept',
    }),
  delete_message: z.object(changedMessage).meta({
    id: 'DeleteMessage',
    description:
      'Deletes a message for everyone: its content is removed, its place stays. The sender may delete for a while ' +
      '(DELETE_WINDOW_MS), owners and admins of a group at any time',
  }),
  set_reaction: z
    .object({
      ...changedMessage,
      emoji,
      on: z.boolean().meta({ description: 'true: react; false: remove the reaction', example: true }),
    })
    .meta({ id: 'SetReaction', description: 'Sets or clears a reaction of the user; repeating it changes nothing' }),
  mark_delivered: z
    .object({
      conversations: z
        .array(z.object({ id: conversationId, upToSeq: z.int().positive().meta({ example: 42 }) }))
        .min(1)
        .max(LIMITS.deliveredConversations),
    })
    .meta({
      id: 'MarkDelivered',
      description: `A device has the messages up to these; for conversations of up to ${LIMITS.smallGroup} members`,
    }),
  create_group: createGroupBody,
  change_group: z
    .object({ conversationId, change: groupChange, changeId: changeId.optional() })
    .meta({ id: 'ChangeGroup', description: 'Changes a group: its members, roles or title' }),
  set_conversation: z
    .object({ conversationId, settings: settingsBody })
    .meta({ id: 'SetConversation', description: 'Mutes, archives or marks a conversation as unread, for this user' }),
  set_block: z.object({ userId, blocked: z.boolean().meta({ example: true }) }).meta({
    id: 'SetBlock',
    description: 'Blocks a user: no direct messages, presence or typing in either direction. Groups are unaffected',
  }),
  watch_presence: z.object({ userIds: watchedIds }).meta({
    id: 'WatchPresence',
    description:
      'Requests the presence of users, and their changes until this connection ends. Adds to earlier requests. ' +
      'By default users without a common conversation appear offline',
  }),
  unwatch_presence: z
    .object({ userIds: watchedIds })
    .meta({ id: 'UnwatchPresence', description: 'Ends `presence` events for these users' }),
  typing: z.object({ conversationId, typing: z.boolean().meta({ example: true }) }).meta({
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
export type MarkDelivered = z.infer<(typeof clientEvents)['mark_delivered']>;
export type ReadMessages = z.infer<(typeof clientEvents)['read_messages']>;
export type TypingSignal = z.infer<(typeof clientEvents)['typing']>;
export type SyncRequest = z.output<(typeof clientEvents)['sync']>;
