import { type GroupSendEntry, type Message, Rejection, type UserId } from '@chat-cluster/contracts';
import { type Outcome, readResult, type StoredGroupMessage } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from '../message-row.ts';
import { withStorableQuotes } from '../quotes.ts';
import type { MessageExtra } from '../schema.ts';
import { audienceOf, membersOf, type Work } from './conversation-state.ts';

/**
 * Stores a run of sends to one group with one statement, without a transaction around it: the path of almost every
 * message of a group. It writes the row of the conversation, the rows of the messages, and one row for each sender and
 * each mentioned member, for any size of the group.
 *
 * The rights are checked with the list of members in memory. The statement has no effect when the members have changed
 * since, or when the conversation is no group: the result is undefined, as when a send is a resend, and the caller
 * stores the run in a transaction.
 */
export async function storeGroupSendsFresh(
  db: Database,
  work: Pick<Work, 'lists'>,
  entries: readonly GroupSendEntry[],
): Promise<Outcome<StoredGroupMessage>[] | undefined> {
  const id = entries[0]?.conversationId;
  const list = id && work.lists.peek(id);
  if (!list || new Set(entries.map(keyOf)).size < entries.length) return undefined;
  if (!entries.every((entry) => list.has(entry.senderId))) return undefined;
  const accepted = await withStorableQuotes(db, entries);
  const { nth, statement } = storeGroupSendsQuery(id, list, accepted);
  const { rows } = await statement.execute(db);
  const [base] = rows;
  if (!base) return undefined;
  return readResult(() =>
    accepted.map((entry, i) => {
      const message = messageOf(entry, base.base + (nth[i] ?? 0), base.now, extraOf(entry, list));
      const to = base.has_room ? { room: id } : { users: list.userIds };
      return { message, duplicate: false, to, unreadBy: othersThan(list.userIds, entry.senderId) };
    }),
  );
}

/** Stores a run of sends within a transaction: resends and sends of users who are no members have their outcome. */
export async function storeGroupSends(
  work: Work,
  entries: readonly GroupSendEntry[],
): Promise<Outcome<StoredGroupMessage>[]> {
  const { tx, state, now } = work;
  if (state?.kind !== 'group') return entries.map(() => new Rejection('CONVERSATION_NOT_FOUND'));
  const { rows } = await lookUpSendsQuery(entries).execute(tx);
  const userIds = await membersOf(work);
  const members = new Set(userIds);
  const list = { userIds, membersSeq: state.membersSeq, has: (userId: UserId) => members.has(userId) };
  const first = new Map<string, GroupSendEntry>();
  entries.forEach((entry, i) => {
    const isNew = rows[i]?.role && rows[i]?.id === null && !work.hasRun;
    if (isNew && !first.has(keyOf(entry))) first.set(keyOf(entry), entry);
  });
  const fresh = await withStorableQuotes(tx, [...first.values()]);
  const stored = new Map<string, Message>();
  if (fresh.length > 0) {
    const { nth, statement } = storeGroupSendsQuery(state.id, list, fresh);
    const [base] = (await statement.execute(tx)).rows;
    if (!base) throw new Error('the row of a locked group was not updated');
    fresh.forEach((entry, i) => {
      stored.set(keyOf(entry), messageOf(entry, base.base + (nth[i] ?? 0), now, extraOf(entry, list)));
    });
    state.lastSeq += fresh.length;
    state.counted += fresh.length;
    state.lastAllSeq = base.last_all_seq ?? 0;
  }
  const to = await audienceOf(work);
  return entries.map((entry, i): Outcome<StoredGroupMessage> => {
    const row = rows[i];
    if (!row?.is_known) return new Rejection('CONVERSATION_NOT_FOUND');
    if (row.id === null && work.hasRun) return resultUnknown();
    // A message that is stored stays stored: its resend, or a repeated run, may follow the removal of its sender.
    if (!row.role && row.id === null) return notMember();
    const message = row.id === null ? stored.get(keyOf(entry)) : toMessage(row as MessageRow, entry.senderId, false);
    if (!message) throw new Error('a send has neither a new nor an earlier message');
    return { message, duplicate: message.id !== entry.id, to, unreadBy: othersThan(userIds, entry.senderId) };
  });
}

export function notMember(): Rejection {
  return new Rejection('FORBIDDEN', { message: 'Only members of the group may do this.' });
}

/** The result of an entry that had no effect when it ran. Its sender has it, or sends the entry again, behind later ones. */
export function resultUnknown(): Rejection {
  return new Rejection('UNAVAILABLE', {
    message: 'The result is not known any more. Send it again.',
    retryAfterMs: 1_000,
  });
}

function othersThan(userIds: readonly UserId[], userId: UserId): UserId[] {
  return userIds.filter((other) => other !== userId);
}

function keyOf(entry: GroupSendEntry): string {
  return JSON.stringify([entry.senderId, entry.clientMessageId]);
}

interface Members {
  userIds: readonly UserId[];
  membersSeq: number;
  has(userId: UserId): boolean;
}

/** Undefined: the message has no extra parts. Mentioned users who are no members are dropped. */
function extraOf({ replyTo, mentions, mentionsAll }: GroupSendEntry, members: Members): MessageExtra | undefined {
  const mentioned = [...new Set(mentions)].filter((userId) => members.has(userId));
  if (!replyTo && mentioned.length === 0 && !mentionsAll) return undefined;
  return {
    ...(replyTo && { replyTo }),
    ...(mentioned.length > 0 && { mentions: mentioned }),
    ...(mentionsAll && { mentionsAll: true as const }),
  };
}

function messageOf(entry: GroupSendEntry, seq: number, createdAt: Date, extra: MessageExtra | undefined): Message {
  const { id, conversationId, senderId, clientMessageId, content, attachments } = entry;
  const at = createdAt.toISOString();
  const base = { id, conversationId, seq, senderId, clientMessageId, content, attachments };
  return { ...base, isRead: false, createdAt: at, ...extra };
}

interface BaseRow {
  /** The last seq before these sends. */
  base: number;
  has_room: boolean | null;
  last_all_seq: number | null;
  now: Date;
}

/**
 * `bumped` reserves the numbers, and has no row when the members have changed. `counts`: one update per member, since a
 * second update of a row in a statement has no effect.
 */
export function storeGroupSendsQuery(
  id: GroupSendEntry['conversationId'],
  members: Members,
  sends: readonly GroupSendEntry[],
) {
  const nth = sends.map((_, i) => i + 1);
  const extras = sends.map((send) => extraOf(send, members));
  const counts = countsOf(sends, extras);
  const all = nth.filter((_, i) => extras[i]?.mentionsAll);
  const statement = sql<BaseRow>`
with bumped as (
  update conversations c
  set last_seq = c.last_seq + ${sends.length}::integer, counted = c.counted + ${sends.length}::integer, updated_at = now(),
    last_all_seq = coalesce(c.last_seq + ${all.at(-1) ?? null}::integer, c.last_all_seq)
  where c.id = ${id}::uuid and c.members_seq = ${members.membersSeq}::bigint
  returning c.id, c.last_seq - ${sends.length}::integer as base, c.counted - ${sends.length}::integer as counted, c.has_room, c.last_all_seq
), stored as (
  insert into messages (
    conversation_id, seq, id, sender_id, client_message_id, content, attachments, counted_at, extra
  )
  select ${id}::uuid, b.base + i.nth, i.id, i.sender_id, i.client_message_id, i.content, i.attachments,
    b.counted + i.nth, i.extra
  from unnest(
    ${nth}::integer[], ${sends.map((send) => send.id)}::uuid[], ${sends.map((send) => send.senderId)}::text[],
    ${sends.map((send) => send.clientMessageId)}::text[], ${sends.map((send) => send.content)}::text[],
    ${sends.map((send) => (send.attachments.length > 0 ? JSON.stringify(send.attachments) : null))}::jsonb[],
    ${extras.map((extra) => (extra ? JSON.stringify(extra) : null))}::jsonb[]
  ) as i (nth, id, sender_id, client_message_id, content, attachments, extra)
  cross join bumped b
), all_mentioned as (
  insert into all_mentions (conversation_id, seq, sender_id)
  select ${id}::uuid, b.base + i.nth, i.sender_id
  from unnest(${all}::integer[], ${all.map((n) => sends[n - 1]?.senderId)}::text[]) as i (nth, sender_id)
  cross join bumped b
), counts as (
  update members m
  set own_after = m.own_after + u.own, mention_count = m.mention_count + u.mentions
  from unnest(
    ${counts.map(({ userId }) => userId)}::text[], ${counts.map(({ own }) => own)}::integer[],
    ${counts.map(({ mentions }) => mentions)}::integer[]
  ) as u (user_id, own, mentions)
  cross join bumped b
  where m.conversation_id = b.id and m.user_id = u.user_id and m.conversation_id = any(${[id]}::uuid[])
)
select base, has_room, last_all_seq, now()::timestamptz(3) as now from bumped`;
  return { nth, statement };
}

/** Those whose `mention_count` a message increments. One that mentions all is counted by `all_mentions` alone. */
export function countedMentions(extra: MessageExtra | null | undefined): readonly UserId[] {
  return extra?.mentionsAll ? [] : (extra?.mentions ?? []);
}

interface Count {
  userId: UserId;
  own: number;
  mentions: number;
}

/** What to add per member, in the order of ids, so that two transactions lock rows in the same order. */
function countsOf(sends: readonly GroupSendEntry[], extras: readonly (MessageExtra | undefined)[]): Count[] {
  const counts = new Map<UserId, Count>();
  const of = (userId: UserId): Count => {
    const count = counts.get(userId) ?? { userId, own: 0, mentions: 0 };
    counts.set(userId, count);
    return count;
  };
  sends.forEach(({ senderId }, i) => {
    of(senderId).own++;
    for (const userId of countedMentions(extras[i])) if (userId !== senderId) of(userId).mentions++;
  });
  return [...counts.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
}

type LookUpRow = { role: string | null; is_known: boolean | null } & (MessageRow | { [Key in keyof MessageRow]: null });

/** One row per send: the role of its sender, and the earlier message with the same key. */
export function lookUpSendsQuery(entries: readonly GroupSendEntry[]) {
  return sql<LookUpRow>`
select s.role, s.is_known,${MESSAGE_COLUMNS}
from unnest(
  ${entries.map((entry) => entry.conversationId)}::uuid[], ${entries.map((entry) => entry.senderId)}::text[],
  ${entries.map((entry) => entry.clientMessageId)}::text[]
) with ordinality as i (conversation_id, sender_id, client_message_id, ord)
left join lateral (
  select s.role, true as is_known from members s
  where s.conversation_id = i.conversation_id and s.user_id = i.sender_id
  limit 1
) s on true
left join lateral (
  select${MESSAGE_COLUMNS}
  from messages m
  where m.conversation_id = i.conversation_id and m.sender_id = i.sender_id
    and m.client_message_id = i.client_message_id
  limit 1
) m on true
order by i.ord`;
}
