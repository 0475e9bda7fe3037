import type {
  ConversationId,
  GroupChangeEntry,
  GroupReadEntry,
  GroupSendEntry,
  MessageChangeEntry,
} from '@chat-cluster/contracts';
import type { ConversationWrites } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { isStoredAlready } from '../faults.ts';
import { type GroupRules, lockConversationQuery, toState, type Work } from './conversation-state.ts';
import { changeGroup } from './group-changes.ts';
import { moveGroupMarks } from './group-read-marks.ts';
import { storeGroupSends, storeGroupSendsFresh } from './group-sends.ts';
import { MemberLists } from './member-lists.ts';
import { changeMessage } from './message-changes.ts';

type WriteEntry = GroupSendEntry | GroupReadEntry | GroupChangeEntry | MessageChangeEntry;
type Outcomes = Awaited<ReturnType<ConversationWrites['apply']>>;

/**
 * The writes of groups and of changes. Entries that are all sends, or all reads, take one statement each without a
 * transaction around it. All others run in a transaction that locks the conversation; consecutive sends, and
 * consecutive reads, share their statements in it.
 *
 * A handler checks an entry completely before it writes, so an entry that is rejected has no effect, and the entries
 * around it are stored.
 */
export function createConversationWrites(
  db: Database,
  rules: GroupRules,
  lists = new MemberLists(),
): ConversationWrites {
  return {
    async apply(entries) {
      const [first] = entries;
      if (!first) return [];
      if (entries.every(isRead)) return moveGroupMarks(db, lists, entries);
      const fresh = entries.every(isSend) ? await tryFresh(db, lists, entries) : undefined;
      if (fresh) return fresh;
      try {
        return await db.transaction().execute((tx) => applyAll({ tx, rules, lists }, first.conversationId, entries));
      } catch (error) {
        // A list may have been read from a transaction that has no effect.
        lists.forget(first.conversationId);
        throw error;
      }
    },
  };
}

function isSend(entry: WriteEntry): entry is GroupSendEntry {
  return entry.kind === 'group_send';
}

function isRead(entry: WriteEntry): entry is GroupReadEntry {
  return entry.kind === 'group_read';
}

/** Undefined: nothing is stored, because a send is a resend or the members are not known. */
async function tryFresh(db: Database, lists: MemberLists, entries: readonly GroupSendEntry[]) {
  try {
    return await storeGroupSendsFresh(db, { lists }, entries);
  } catch (error) {
    if (isStoredAlready(error)) return undefined;
    throw error;
  }
}

async function applyAll(
  base: Pick<Work, 'tx' | 'rules' | 'lists'>,
  id: ConversationId,
  entries: readonly WriteEntry[],
): Promise<Outcomes> {
  const { rows } = await lockConversationQuery(id).execute(base.tx);
  const [row] = rows;
  const now = row?.now ?? (await nowOf(base.tx));
  const work: Work = { ...base, now, state: row && toState({ ...row, id }), hasRun: false };
  const ran = await countRun(base.tx, id, entries);
  const outcomes: Outcomes = [];
  for (let from = 0; from < entries.length; ) {
    const run = runFrom(entries, from);
    work.hasRun = from < ran;
    outcomes.push(...(await applyRun(work, run)));
    from += run.length;
  }
  return outcomes;
}

/**
 * The number of entries that an earlier run has committed: those up to the last change of the group that is stored. A
 * repetition must not let an earlier entry, which had no effect, change what that one has left, such as add a user again
 * who was removed since.
 */
async function countRun(tx: Database, id: ConversationId, entries: readonly WriteEntry[]): Promise<number> {
  const changes = entries.filter((entry) => entry.kind === 'group_change');
  if (changes.length === 0 || entries.length === 1) return 0;
  const { rows } = await storedChangesQuery(id, changes).execute(tx);
  const stored = new Set(rows.map((row) => row.id));
  return entries.findLastIndex((entry) => entry.kind === 'group_change' && stored.has(entry.id)) + 1;
}

export function storedChangesQuery(id: ConversationId, entries: readonly GroupChangeEntry[]) {
  return sql<{ id: string }>`
select m.id
from unnest(
  ${entries.map((entry) => entry.by)}::text[], ${entries.map((entry) => entry.changeId)}::text[]
) as i (sender_id, client_message_id)
cross join lateral (
  select m.id from messages m
  where m.conversation_id = ${id}::uuid and m.sender_id = i.sender_id and m.client_message_id = i.client_message_id
  limit 1
) m`;
}

/** Consecutive sends, or consecutive reads; of other kinds one entry. */
function runFrom(entries: readonly WriteEntry[], from: number): readonly WriteEntry[] {
  const first = entries[from] as WriteEntry;
  const same = isSend(first) ? isSend : isRead(first) ? isRead : undefined;
  let to = from + 1;
  while (same && to < entries.length && same(entries[to] as WriteEntry)) to++;
  return entries.slice(from, to);
}

async function applyRun(work: Work, run: readonly WriteEntry[]): Promise<Outcomes> {
  if (run.every(isSend)) return storeGroupSends(work, run);
  if (run.every(isRead)) return moveGroupMarks(work.tx, work.lists, run);
  const outcomes: Outcomes = [];
  for (const entry of run) {
    if (entry.kind === 'group_change') outcomes.push(await changeGroup(work, entry));
    else if (entry.kind === 'message_change') outcomes.push(await changeMessage(work, entry));
  }
  return outcomes;
}

/** Time of a transaction on a conversation that does not exist yet. */
async function nowOf(tx: Database): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now()::timestamptz(3) as now`.execute(tx);
  return rows[0]?.now ?? new Date();
}
