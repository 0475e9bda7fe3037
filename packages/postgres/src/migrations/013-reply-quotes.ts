import type { Kysely } from 'kysely';
import { createIndexConcurrently } from '../create-index-concurrently.ts';

/**
 * Finds the replies to a message, whose quotes are emptied when it is deleted. Messages without a reply are not in the
 * index. Its key is jsonb, because a cast to a number could fail in the insert of a message.
 */
export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  const replies = "messages (conversation_id, (extra -> 'replyTo' -> 'seq')) where extra -> 'replyTo' is not null";
  await createIndexConcurrently(db, 'messages_reply_to', replies);
}
