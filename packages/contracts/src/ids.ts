import { z } from 'zod';
import { LIMITS } from './limits.ts';

/**
 * Ids are branded strings: only the schemas below (at the edge) and the constructors of tests make them, so past the
 * edge a user id can not be handed in where a conversation id is meant.
 */
export type UserId = string & z.$brand<'UserId'>;
export type ConversationId = string & z.$brand<'ConversationId'>;
export type MessageId = string & z.$brand<'MessageId'>;
export type ClientMessageId = string & z.$brand<'ClientMessageId'>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what the pattern refuses.
const PRINTABLE = /^[^\u0000-\u001f\u007f]+$/;

/** An opaque id of the host application: 1 to 64 printable characters. */
export const userId = z
  .string()
  .min(1)
  .max(LIMITS.userIdLength)
  .regex(PRINTABLE, 'must not contain control characters')
  .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
  .brand<'UserId'>()
  .meta({ id: 'UserId', description: 'Opaque user id from the token (claim `sub` by default)', example: 'alice' });

export const conversationId = z.guid('must be a UUID').toLowerCase().brand<'ConversationId'>().meta({
  id: 'ConversationId',
  description: 'UUID of a conversation',
  example: '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10',
});

export const messageId = z.guid().brand<'MessageId'>().meta({
  id: 'MessageId',
  description: 'UUIDv7, made by the server',
  example: '01926b3a-8a57-7a10-8f6c-5d2f6a7b9c01',
});

/** Chosen by the sender; a resend with the same id is answered with the first result, on any node, for ever. */
export const clientMessageId = z
  .string()
  .min(1)
  .max(LIMITS.clientMessageIdLength)
  .regex(PRINTABLE, 'must not contain control characters')
  .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
  .brand<'ClientMessageId'>()
  .meta({
    id: 'ClientMessageId',
    description: "The sender's own id of a message: a resend with the same one is answered with the first result",
    example: 'b7d6a1f0-3c55-4c0e-a0a5-0d7f3f0c9e11',
  });
