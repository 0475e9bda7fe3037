import { z } from 'zod';
import { attachmentUrl } from './attachment-url.ts';
import { systemEntry } from './group.ts';
import { clientMessageId, conversationId, messageId, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { isVisible } from './visible-text.ts';

export const attachment = z
  .object({
    url: attachmentUrl,
    type: z.enum(['IMAGE', 'PDF']),
  })
  .meta({
    id: 'Attachment',
    description: 'A file stored elsewhere; the server never fetches it',
    example: { url: 'https://files.example.com/cat.png', type: 'IMAGE' },
  });

export type Attachment = z.infer<typeof attachment>;

/** One emoji, or a short name such as `:party:` that the clients agree on. */
export const emoji = z
  .string()
  .min(1)
  .max(LIMITS.emojiLength)
  .refine(
    (text) => isVisible(text) && !/[\s\p{Cc}]/u.test(text) && text.isWellFormed(),
    'must be one emoji or a short name',
  )
  .meta({ description: 'One emoji, or a short name that your clients agree on', example: '👍' });

/** Any text, in any direction: bidirectional controls belong to right-to-left languages. Clients isolate it. */
export const content = z
  .string()
  .max(LIMITS.contentLength)
  .refine((text) => !text.includes('\u0000') && text.isWellFormed(), 'must be well-formed Unicode without NUL')
  .nullable();

/** Payload of `send_message`, as the sender submits it. `clientMessageId` is optional, and so is an ack callback. */
export const draft = z
  .object({
    conversationId,
    content: content.optional().meta({ example: 'Hello!' }),
    attachments: z.array(attachment).max(LIMITS.attachments).nullish(),
    clientMessageId: clientMessageId.optional(),
    replyToSeq: z.int().positive().optional().meta({
      description: 'Replies to this message of the same conversation; the sender must be able to see it',
      example: 41,
    }),
    mentions: z
      .array(userId)
      .max(LIMITS.mentions)
      .optional()
      .meta({ description: 'Mentioned users; the server drops those who are not members', example: ['bob'] }),
    mentionsAll: z.boolean().optional().meta({ description: 'Mentions all members of a group', example: false }),
  })
  .refine((value) => isVisible(value.content ?? '') || (value.attachments ?? []).length > 0, {
    message: 'a message needs content or at least one attachment',
    path: ['content'],
  })
  .meta({ id: 'Draft', description: 'A message as its sender submits it' });

export type Draft = z.infer<typeof draft>;

/** The message that a message replies to, as it was when the reply was sent, or deleted since. */
export const replyTo = z
  .object({
    seq: z.int().positive().meta({ example: 41 }),
    senderId: userId,
    text: z
      .string()
      .max(LIMITS.replyTextLength)
      .nullable()
      .meta({ description: `Its first characters, at most ${LIMITS.replyTextLength}`, example: 'Lunch at noon?' }),
    deleted: z.literal(true).optional().meta({ description: 'The quoted message was deleted: `text` is null' }),
  })
  .meta({
    id: 'ReplyTo',
    description: 'The message that this one replies to, as it was when the reply was sent. A later deletion empties it',
  });

/** The reactions with one emoji. */
export const reaction = z
  .object({
    emoji: emoji,
    count: z.int().positive().meta({ example: 2 }),
    mine: z.boolean().optional().meta({
      description: 'True if the requesting user is among them. Absent in events, which all members share',
      example: true,
    }),
  })
  .meta({ id: 'Reaction', description: 'The reactions to a message with one emoji' });

export type ReplyTo = z.infer<typeof replyTo>;
export type Reaction = z.infer<typeof reaction>;

/**
 * A stored message, as it appears in `new_message`, acks and history. `seq` is dense (1, 2, 3 …) within a conversation
 * and assigned at commit. A message that was submitted without a `clientMessageId` has its own `id` in that field.
 */
export const message = z
  .object({
    id: messageId,
    conversationId,
    seq: z.int().positive().meta({ description: 'Position in the conversation, without gaps: 1, 2, 3 …', example: 42 }),
    senderId: userId,
    receiverId: userId.optional().meta({ description: 'The other participant. Absent in a group', example: 'bob' }),
    clientMessageId,
    content: z.string().nullable().meta({ example: 'Hello!' }),
    attachments: z.array(attachment),
    isRead: z.boolean().meta({
      description: 'The receiver has read up to this message or beyond. Always false in a group: see the read marks',
      example: false,
    }),
    createdAt: z.iso.datetime().meta({ description: 'Commit time', example: '2026-01-01T12:00:00.000Z' }),
    system: systemEntry.optional().meta({
      description: 'Only in an entry about the group itself, such as a new member. `senderId` is the user who did it',
    }),
    replyTo: replyTo.optional(),
    mentions: z
      .array(userId)
      .optional()
      .meta({ description: 'The mentioned members', example: ['bob'] }),
    mentionsAll: z.literal(true).optional().meta({ description: 'All members are mentioned' }),
    reactions: z.array(reaction).optional().meta({ description: 'In the order of the first reaction of each emoji' }),
    editedAt: z.iso.datetime().optional().meta({ description: 'Time of the last edit' }),
    deletedAt: z.iso.datetime().optional().meta({ description: 'Deleted: `content` is null, without attachments' }),
    deletedBy: userId.optional().meta({ description: 'The user who deleted it' }),
    rev: z.int().positive().optional().meta({
      description: 'Number of the last change of this message; changes of a conversation are counted 1, 2, 3 …',
      example: 7,
    }),
  })
  .meta({ id: 'Message', description: 'A stored message' });

export type Message = z.infer<typeof message>;
