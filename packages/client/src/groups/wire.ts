/** Figures of the protocol that this entry needs at run time: copies of those in contracts, which a test compares. */

/** Mentioned users of one message. */
export const MENTIONS = 50;
