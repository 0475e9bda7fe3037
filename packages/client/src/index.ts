/** The types of the contract that the API uses. */
export type {
  Attachment,
  ClientMessageId,
  ConversationId,
  ConversationSettings,
  ErrorCode,
  ErrorPayload,
  GroupOfMember,
  Message,
  MessageId,
  Reaction,
  ReplyTo,
  Role,
  StoreEpoch,
  SystemEntry,
  UserId,
  Window,
} from '@chat-cluster/contracts';
export { createChatClient } from './client.ts';
export { Unauthorized } from './errors.ts';
export { browserPage } from './page/browser-page.ts';
export type * from './types.ts';
