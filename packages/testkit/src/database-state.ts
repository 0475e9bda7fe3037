import type { ConversationId } from '@chat-cluster/contracts';
import type { Database } from '@chat-cluster/postgres';
import { readMembers } from './group-members.ts';
import { type DatabaseState, fingerprint, type ParticipantState, reactionsText, systemText } from './history.ts';

/** The rows of these conversations in Postgres, with unread messages recounted from the messages. */
export async function readDatabase(db: Database, conversationIds: readonly string[]): Promise<DatabaseState> {
  const ids = conversationIds as ConversationId[];
  const conversations = await db
    .selectFrom('conversations')
    .where('id', 'in', ids)
    .select(['id', 'last_seq', 'last_rev', 'title'])
    .execute();
  return {
    conversations: conversations.map(({ id, last_seq, last_rev, title }) => ({
      id,
      lastSeq: last_seq,
      ...(last_rev !== null && { lastRev: last_rev }),
      ...(title !== null && { title }),
    })),
    messages: await readMessages(db, ids),
    participants: await readParticipants(db, ids),
    ...(await readChanges(db, ids)),
  };
}

async function readMessages(db: Database, ids: ConversationId[]): Promise<DatabaseState['messages']> {
  const rows = await db
    .selectFrom('messages')
    .where('conversation_id', 'in', ids)
    .select(['conversation_id', 'seq', 'id', 'sender_id', 'client_message_id', 'content'])
    .select(['extra', 'reactions', 'rev', 'deleted_at'])
    .orderBy('conversation_id')
    .orderBy('seq')
    .execute();
  return rows.map((row) => ({
    conversationId: row.conversation_id,
    seq: row.seq,
    id: row.id,
    senderId: row.sender_id,
    clientMessageId: row.client_message_id,
    content: fingerprint(row.content),
    ...(row.extra?.system && { system: systemText(row.extra.system) }),
    ...(row.rev && { rev: row.rev }),
    ...(row.deleted_at && { deleted: true }),
    ...(row.reactions?.length && { reactions: reactionsText(row.reactions) }),
  }));
}

async function readChanges(
  db: Database,
  ids: ConversationId[],
): Promise<Pick<DatabaseState, 'windows' | 'versions' | 'reactions'>> {
  const windows = await db.selectFrom('memberships').where('conversation_id', 'in', ids).selectAll().execute();
  const versions = await db
    .selectFrom('message_versions')
    .where('conversation_id', 'in', ids)
    .select(['conversation_id', 'seq', 'change_id'])
    .orderBy('version')
    .execute();
  const reactions = await db.selectFrom('reactions').where('conversation_id', 'in', ids).selectAll().execute();
  return {
    windows: windows.map((row) => ({
      conversationId: row.conversation_id,
      userId: row.user_id,
      fromSeq: row.from_seq,
      toSeq: row.to_seq,
    })),
    versions: versions.map((row) => ({ conversationId: row.conversation_id, seq: row.seq, changeId: row.change_id })),
    reactions: reactions.map((row) => ({
      conversationId: row.conversation_id,
      seq: row.seq,
      userId: row.user_id,
      emoji: row.emoji,
    })),
  };
}

/** Participants of direct conversations, and members and former members of groups. */
export async function readParticipants(db: Database, conversationIds: readonly string[]): Promise<ParticipantState[]> {
  const ids = conversationIds as ConversationId[];
  const rows = await db
    .selectFrom('participants as p')
    .where('p.conversation_id', 'in', ids)
    .select((query) => [
      'p.conversation_id as conversationId',
      'p.user_id as userId',
      'p.last_read_seq as lastReadSeq',
      'p.unread_count as unreadCount',
      'p.muted',
      query
        .selectFrom('messages as m')
        .whereRef('m.conversation_id', '=', 'p.conversation_id')
        .whereRef('m.seq', '>', 'p.last_read_seq')
        .whereRef('m.sender_id', '!=', 'p.user_id')
        .where('m.deleted_at', 'is', null)
        .select((count) => count.fn.countAll<number>().as('n'))
        .as('recount'),
    ])
    .execute();
  const direct = rows.map(({ muted, recount, ...row }) => ({ ...row, recount: recount ?? 0, ...(muted && { muted }) }));
  return [...direct, ...(await readMembers(db, ids))];
}
