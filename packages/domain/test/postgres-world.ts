import {
  createConversationStore,
  createConversationWrites,
  createHistory,
  createMessageStore,
  createUnreadCounts,
} from '@chat-cluster/postgres';
import { freshDatabase, GROUP_RULES } from '@chat-cluster/testkit';
import type { World } from './world.ts';

/** The production store, on its own database. */
export async function postgresWorld(): Promise<World & { close(): Promise<void> }> {
  const { db, drop } = await freshDatabase();
  return {
    store: createMessageStore(db),
    writes: createConversationWrites(db, GROUP_RULES),
    async open(id, [a, b = a]) {
      await createConversationStore(db).open(id, a, b);
    },
    async history(id) {
      const [messages = []] = await createHistory(db).ranges([{ id, fromSeq: 1, toSeq: Number.MAX_SAFE_INTEGER }]);
      return messages.map(({ seq, id, senderId, clientMessageId, content, attachments }) => ({
        seq,
        id,
        senderId,
        clientMessageId,
        content,
        attachments,
      }));
    },
    async marks(id) {
      const rows = await db.selectFrom('participants').selectAll().where('conversation_id', '=', id).execute();
      return new Map(rows.map((row) => [row.user_id, row.last_read_seq]));
    },
    async totals(users) {
      return (await createUnreadCounts(db).summaries(users)).map(({ count }) => count);
    },
    close: drop,
  };
}
