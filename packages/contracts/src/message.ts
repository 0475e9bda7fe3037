import { z } from 'zod';
import { attachmentUrl } from './attachment-url.ts';
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

/** Any text, in any direction: bidirectional controls belong to right-to-left languages. Clients isolate it. */
const content = z
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
  })
  .refine((value) => isVisible(value.content ?? '') || (value.attachments ?? []).length > 0, {
    message: 'a message needs content or at least one attachment',
    path: ['content'],
  })
  .meta({ id: 'Draft', description: 'A message as its sender submits it' });

export type Draft = z.infer<typeof draft>;

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
    receiverId: userId,
    clientMessageId,
    content: z.string().nullable().meta({ example: 'Hello!' }),
    attachments: z.array(attachment),
    isRead: z.boolean().meta({ description: 'The receiver has read up to this message or beyond', example: false }),
    createdAt: z.iso.datetime().meta({ description: 'Commit time', example: '2026-01-01T12:00:00.000Z' }),
  })
  .meta({ id: 'Message', description: 'A stored message' });

export type Message = z.infer<typeof message>;
