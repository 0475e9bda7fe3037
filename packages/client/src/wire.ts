/**
 * Figures of the protocol that are needed at run time. Copies of those in contracts, because importing them from there
 * would put the schema library into every bundle; a test compares them.
 */
export const CONTENT_LENGTH = 10_000;
export const ATTACHMENTS = 10;
export const ATTACHMENT_URL_LENGTH = 2_048;
/** Longest user id and client message id, in characters. */
export const ID_LENGTH = 64;
export const PAGE_SIZE = 50;
export const SYNC_CONVERSATIONS = 100;
export const SYNC_SIZE = 500;
/** Conversations with their unread counts in an ack of `sync`. With fewer of them, it names all that have unread messages. */
export const UNREAD_CONVERSATIONS = 100;
export const WATCHED_USERS = 200;
/** Members of a group up to which it has receipts. */
export const RECEIPT_MEMBERS = 32;
/** Conversations in one `mark_delivered`. */
export const DELIVERED_CONVERSATIONS = 100;

/** The figures by their names in contracts. Bundlers drop this table, and inline the constants. */
export const LIMITS = {
  contentLength: CONTENT_LENGTH,
  attachments: ATTACHMENTS,
  attachmentUrlLength: ATTACHMENT_URL_LENGTH,
  userIdLength: ID_LENGTH,
  clientMessageIdLength: ID_LENGTH,
  pageSize: PAGE_SIZE,
  syncConversations: SYNC_CONVERSATIONS,
  maxSyncSize: SYNC_SIZE,
  syncUnreadConversations: UNREAD_CONVERSATIONS,
  watchedUsers: WATCHED_USERS,
  smallGroup: RECEIPT_MEMBERS,
  deliveredConversations: DELIVERED_CONVERSATIONS,
} as const;

/** Events of the server that a client registers for. */
export const SERVER_EVENTS = [
  'session',
  'new_message',
  'unread_count',
  'messages_read',
  'sync_required',
  'server_draining',
  'presence',
  'typing',
  'token_expiring',
  'session_ended',
  'exception',
] as const;

/** An `afterSeq` beyond every `seq`: the answer to a sync then has no messages, only the last `seq`. */
export const NO_MESSAGES = 2 ** 31 - 2;

/** Time after which a request counts as unanswered, in ms. Above the 7 s after which a gateway answers TIMEOUT. */
export const ANSWER_TIMEOUT_MS = 10_000;
