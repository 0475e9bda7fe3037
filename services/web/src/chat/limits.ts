/** Bounds of the contract that the page shows. They are copies, because the contract loads zod; a test compares them. */
export const CONTENT_LENGTH = 10_000;
export const ATTACHMENTS = 10;
export const ATTACHMENT_URL_LENGTH = 2_048;
export const USER_ID_LENGTH = 64;
/** Users whose presence one connection may watch. */
export const WATCHED_USERS = 200;
export const TITLE_LENGTH = 100;
/** Members of a group up to which it has receipts of each member, and typing. */
export const SMALL_GROUP = 32;
/** Mentioned users of one message. */
export const MENTIONS = 50;
