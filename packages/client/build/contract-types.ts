/*
 * The types of the wire contract in the published package, in place of those of packages/contracts, which are derived
 * from schemas: an application needs no schema library to compile. packages/client/test/contract-types.test.ts compares
 * them with the contract. The build replaces the import and fails if a type is missing here.
 */

/** A string with a name. A plain string is accepted; the id of something else is not. */
type Id<Name extends string> = string & { readonly __id?: Name };

/** Id of a user in the application that signs the tokens: 1 to 64 printable characters. */
export type UserId = Id<'UserId'>;
/** UUID of a conversation. */
export type ConversationId = Id<'ConversationId'>;
/** UUID of a stored message, assigned by the server. */
export type MessageId = Id<'MessageId'>;
/** Id that the sender gives a message: a resend under the same id is stored once. */
export type ClientMessageId = Id<'ClientMessageId'>;
/** Identity of the history in the database; another one after a restore. */
export type StoreEpoch = Id<'StoreEpoch'>;

/** A file stored elsewhere; the server never fetches it. */
export interface Attachment {
  /** An http or https URL, at most 2,048 characters. */
  url: string;
  type: 'IMAGE' | 'PDF';
}

/** A stored message. */
export interface Message {
  id: MessageId;
  conversationId: ConversationId;
  /** Position in the conversation, without gaps: 1, 2, 3 … */
  seq: number;
  senderId: UserId;
  receiverId: UserId;
  clientMessageId: ClientMessageId;
  content: string | null;
  attachments: Attachment[];
  /** The receiver has read up to this message or beyond. */
  isRead: boolean;
  /** Commit time, ISO 8601. */
  createdAt: string;
}

/** Codes of the errors of the server. */
export type ErrorCode =
  | 'TOKEN_MISSING'
  | 'TOKEN_INVALID'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_REVOKED'
  | 'ORIGIN_NOT_ALLOWED'
  | 'FORBIDDEN'
  | 'VALIDATION_FAILED'
  | 'CONVERSATION_NOT_FOUND'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'UNKNOWN_EVENT'
  | 'REJECTED'
  | 'LIMIT_EXCEEDED'
  | 'RATE_LIMITED'
  | 'OVERLOADED'
  | 'TIMEOUT'
  | 'UNAVAILABLE';

/** An error of the server. */
export interface ErrorPayload {
  code: ErrorCode;
  message: string;
  /** The same request may succeed later. */
  retryable: boolean;
  /** Wait at least this long, in ms. */
  retryAfterMs?: number | undefined;
}
