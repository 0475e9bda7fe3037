/** Figures of the protocol that this entry needs at run time: copies of those in contracts, which a test compares. */

/** Members of a group up to which it has receipts. */
export const RECEIPT_MEMBERS = 32;
/** Mentioned users of one message. */
export const MENTIONS = 50;
/** Conversations in one `mark_delivered`. */
export const DELIVERED_CONVERSATIONS = 100;
