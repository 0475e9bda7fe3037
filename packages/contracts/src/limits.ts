/**
 * The bounds of the wire. Sizes of text are in UTF-16 code units (what `string.length` counts).
 * They are part of the protocol: clients may rely on them, so they only ever grow.
 */
export const LIMITS = {
  /** Longest text of one message. Comparable products: Slack 40,000, WhatsApp 65,536, Discord 4,000. */
  contentLength: 10_000,
  attachments: 10,
  /** The longest URL that common browsers and proxies carry safely. */
  attachmentUrlLength: 2_048,
  userIdLength: 64,
  clientMessageIdLength: 64,
  /** Largest page of `GET /api/messages/...`; the default page is `pageSize`. */
  maxPageSize: 100,
  pageSize: 50,
  /** Conversations one `sync` may ask about; a client with more asks again. */
  syncConversations: 100,
  /** Messages in one answer to `sync`, over all its conversations; the default is `syncSize`. */
  maxSyncSize: 500,
  syncSize: 200,
  /** Conversations with unread messages that one answer to `sync` names, newest conversation first. */
  syncUnreadConversations: 100,
  /** Users whose presence one connection may watch: more than a screen of a chat list shows. */
  watchedUsers: 200,
} as const;
