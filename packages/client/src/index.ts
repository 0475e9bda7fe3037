/** The types of the contract that the API uses. */
export type {
  Attachment,
  ClientMessageId,
  ConversationId,
  ErrorPayload,
  Message,
  MessageId,
  StoreEpoch,
  UserId,
} from '@chat-cluster/contracts';
export { createChatClient } from './client.ts';
export { Unauthorized } from './errors.ts';
export { browserPage } from './page/browser-page.ts';
export type * from './types.ts';
