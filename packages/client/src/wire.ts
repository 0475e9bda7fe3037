/**
 * Figures of the protocol that are needed at run time. Copies of those in contracts, because importing them from there
 * would put the schema library into every bundle; a test compares them.
 */
export const LIMITS = {
  contentLength: 10_000,
  attachments: 10,
  attachmentUrlLength: 2_048,
  userIdLength: 64,
  clientMessageIdLength: 64,
  pageSize: 50,
  syncConversations: 100,
  maxSyncSize: 500,
  watchedUsers: 200,
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
