import { z } from 'zod';
import { type ErrorCode, errorPayload } from './errors.ts';
import { changeId, conversationSettings, groupOfMember } from './group.ts';
import { conversationId, storeEpoch, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { content, draft, emoji, message } from './message.ts';
import { isVisible } from './visible-text.ts';

// Digits only: Number('') is 0, and `before=0` returns an empty page that looks like the end of the history.
const wholeNumber = z.string().regex(/^\d{1,16}$/, 'must be a whole number');
const seqCursor = wholeNumber.pipe(z.coerce.number<string>().int().nonnegative());
const limit = wholeNumber
  .pipe(z.coerce.number<string>().int().min(1).max(LIMITS.maxPageSize))
  .default(LIMITS.pageSize)
  .meta({ description: `Page size, 1 to ${LIMITS.maxPageSize}`, example: 20 });

/** `POST /api/conversations` */
export const openConversationBody = z
  .object({ participantId: userId })
  .meta({ id: 'OpenConversation', description: 'The other participant of the direct conversation' });

export const conversation = z
  .object({
    id: conversationId,
    kind: z.literal('direct'),
    participantIds: z.array(userId).meta({ example: ['alice', 'bob'] }),
    createdAt: z.iso.datetime().meta({ example: '2026-01-01T12:00:00.000Z' }),
  })
  .meta({ id: 'Conversation', description: 'The direct conversation of two users' });

/** `GET /api/messages/with/:otherUserId` */
export const historyQuery = z
  .object({
    limit,
    before: seqCursor.optional().meta({ description: 'Messages with a smaller `seq`, newest first', example: 43 }),
    after: seqCursor.optional().meta({ description: 'Messages with a greater `seq`, oldest first', example: 17 }),
    markAsRead: z.enum(['true', 'false']).default('false').meta({
      description: 'Also marks the messages of this page, and all before them, as read. HEAD marks nothing',
      example: 'false',
    }),
  })
  .refine((query) => query.before === undefined || query.after === undefined, {
    message: 'give before or after, not both',
    path: ['before'],
  });

export const historyPage = z
  .object({
    epoch: storeEpoch,
    conversationId: conversationId.nullable().meta({ description: 'null: the two users have no conversation yet' }),
    messages: z.array(message),
    nextCursor: z
      .int()
      .nullable()
      .meta({ description: 'Value of the same parameter (`before` or `after`) for the next page; null: last page' }),
  })
  .meta({ id: 'HistoryPage', description: 'One page of a conversation' });

/** `GET /api/messages/conversations` */
export const conversationsQuery = z.object({
  limit,
  cursor: z.string().max(200).optional().meta({
    description: '`nextCursor` of the previous page; opaque',
    example: 'MTc2NzI2ODgwOTAwMC4wMTkyNmIzYS03YzExLTdkM2UtOWY1Mi0wYTRjMWY2ZjJiMTA',
  }),
});

export const conversationSummary = z
  .object({
    id: conversationId,
    otherUserId: userId.optional().meta({ description: 'The other participant. Absent for a group', example: 'bob' }),
    group: groupOfMember.optional(),
    lastMessage: message.nullable(),
    unreadCount: z.int().nonnegative().meta({ example: 3 }),
    mentionCount: z.int().positive().optional().meta({ description: 'Unread messages that mention the user' }),
    lastSeq: z.int().nonnegative().meta({ example: 42 }),
    lastRev: z.int().positive().optional().meta({ description: 'Number of the last change; absent without changes' }),
    settings: conversationSettings.optional().meta({ description: 'Absent while all of them have their defaults' }),
    updatedAt: z.iso.datetime().meta({ example: '2026-01-01T12:00:00.000Z' }),
  })
  .meta({ id: 'ConversationSummary', description: 'A conversation as its participant sees it in a list' });

export const conversationsPage = z
  .object({
    epoch: storeEpoch,
    conversations: z.array(conversationSummary),
    nextCursor: z.string().nullable().meta({ description: '`cursor` of the next page; null: last', example: null }),
  })
  .meta({ id: 'ConversationsPage', description: 'One page of conversations, newest activity first' });

/** Path of a message: its conversation and its `seq`. */
export const messagePath = z.object({ conversationId, seq: seqCursor.pipe(z.int().positive()) });

/** `PATCH /api/messages/in/:conversationId/:seq` */
export const editMessageBody = z
  .object({ content, mentions: draft.shape.mentions, changeId: changeId.optional() })
  .refine((value) => isVisible(value.content ?? ''), { message: 'an edited message needs content', path: ['content'] })
  .meta({ id: 'EditMessageBody', description: 'The new text of a message' });

/** `GET /api/messages/in/:conversationId/:seq/versions` */
export const versionsPage = z
  .object({
    versions: z.array(
      z.object({
        content: z.string().nullable().meta({ example: 'Lunch at noon?' }),
        editedAt: z.iso.datetime().meta({ description: 'When it was replaced', example: '2026-01-01T12:03:00.000Z' }),
        editedBy: userId.meta({ description: 'The user who replaced it' }),
      }),
    ),
  })
  .meta({ id: 'Versions', description: 'The texts of a message before its edits, oldest first' });

/** `GET /api/messages/in/:conversationId/:seq/reactions` */
export const reactionsQuery = z.object({ emoji, limit });

export const reactorsPage = z
  .object({ userIds: z.array(userId) })
  .meta({ id: 'Reactors', description: 'Users who reacted with the emoji, in the order of their reactions' });

/** `GET /api/messages/in/:conversationId/:seq/readers` */
export const readersQuery = z.object({ limit });

export const readersPage = z
  .object({
    userIds: z.array(userId),
    count: z.int().nonnegative().meta({ description: 'Members who have read the message', example: 2 }),
    of: z.int().nonnegative().meta({ description: 'Members who could have: all except the sender', example: 3 }),
  })
  .meta({ id: 'Readers', description: 'Who has read a message' });

/** `GET /api/groups/:conversationId/members` */
export const membersQuery = z.object({
  limit,
  cursor: z.string().max(200).optional().meta({
    description: '`nextCursor` of the previous page; opaque',
    example: 'Y2Fyb2w',
  }),
});

/** `PUT` and `DELETE /api/blocks/:userId` */
export const blockState = z
  .object({ userId, blocked: z.boolean().meta({ example: true }) })
  .meta({ id: 'BlockState', description: 'Whether the user has blocked another one' });

/** Body of each HTTP error. */
export const problem = z.object({ error: errorPayload }).meta({ id: 'Problem', description: 'Body of an HTTP error' });

export type Conversation = z.infer<typeof conversation>;
export type HistoryQuery = z.infer<typeof historyQuery>;
export type MessagePath = z.output<typeof messagePath>;
export type HistoryPage = z.infer<typeof historyPage>;
export type ConversationSummary = z.infer<typeof conversationSummary>;
export type ConversationsPage = z.infer<typeof conversationsPage>;
export type Problem = z.infer<typeof problem>;

/** HTTP status of each error of the table. */
export const HTTP_STATUS: Record<ErrorCode, number> = {
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  TOKEN_EXPIRED: 401,
  TOKEN_REVOKED: 401,
  ORIGIN_NOT_ALLOWED: 403,
  FORBIDDEN: 403,
  VALIDATION_FAILED: 400,
  CONVERSATION_NOT_FOUND: 404,
  MESSAGE_NOT_FOUND: 404,
  MEMBER_NOT_FOUND: 404,
  TOO_LATE: 409,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  UNKNOWN_EVENT: 400,
  REJECTED: 422,
  LIMIT_EXCEEDED: 409,
  RATE_LIMITED: 429,
  OVERLOADED: 503,
  TIMEOUT: 504,
  UNAVAILABLE: 503,
};
