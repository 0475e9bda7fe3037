/**
 * Bounds of the protocol. Clients may rely on them, so they may grow but never shrink. Text lengths are in UTF-16 code
 * units, as counted by `string.length`.
 */
export const LIMITS = {
  /** Longest text of one message. Comparable products: Slack 40,000, WhatsApp 65,536, Discord 4,000. */
  contentLength: 10_000,
  attachments: 10,
  /** Longest URL that common browsers and proxies support. */
  attachmentUrlLength: 2_048,
  userIdLength: 64,
  /** Longest token that is verified; a signed token with a few claims has 200 to 1,000. */
  tokenLength: 8_192,
  /** Longest `jti` of a token. */
  tokenIdLength: 256,
  clientMessageIdLength: 64,
  /** Maximum number of items on a page of `GET /api/messages/...`; the default is `pageSize`. */
  maxPageSize: 100,
  pageSize: 50,
  /** Conversations in one `sync` request; a client with more sends several requests. */
  syncConversations: 100,
  /** Maximum number of messages in one ack of `sync`, over all its conversations; the default is `syncSize`. */
  maxSyncSize: 500,
  syncSize: 200,
  /** Conversations with unread messages listed in one ack of `sync`, newest conversation first. */
  syncUnreadConversations: 100,
  /** Maximum number of conversations in the `feed` of one ack of `sync`, oldest activity first. */
  syncFeed: 100,
  /** Longest `since` of a feed. */
  feedSinceLength: 200,
  /** Users whose presence one connection may watch: more than a chat list shows on one screen. */
  watchedUsers: 200,
  /** Longest title of a group. */
  titleLength: 100,
  /** Members of a group up to which receipts are emitted, and its entries are published to the room of each member. */
  smallGroup: 32,
  /** Members of a group up to which presence is shown. */
  presenceGroup: 100,
  /** Mentioned users of one message. */
  mentions: 50,
  /** Text of the quoted message in a reply. */
  replyTextLength: 100,
  /** Different emojis among the reactions to one message. */
  reactionKinds: 20,
  emojiLength: 32,
  /** Edits of one message, whose earlier texts are kept. */
  edits: 100,
  /** Windows of one user in a group: times of its membership with hidden entries between them. */
  windows: 100,
  /** Changed messages of one conversation in one ack of `sync`. */
  syncChanges: 100,
  /** Conversations in one `mark_delivered`. */
  deliveredConversations: 100,
  /** Users that one user may block. */
  blocks: 1_000,
  /** Longest id of a change, chosen by the client. */
  changeIdLength: 64,
} as const;
