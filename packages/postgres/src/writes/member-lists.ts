import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { sql } from 'kysely';
import type { Database } from '../database.ts';

/** User ids that are kept, over all groups: about 50 MB. */
const MAX_USER_IDS = 500_000;

interface MemberList {
  membersSeq: number;
  userIds: readonly UserId[];
  has(userId: UserId): boolean;
}

/**
 * The members of the groups that this process wrote to last. A list is valid for one value of
 * `conversations.members_seq`, which every change of the members increases. Bounded by MAX_USER_IDS; the list that was
 * used longest ago is dropped first.
 */
export class MemberLists {
  readonly #lists = new Map<ConversationId, MemberList>();
  #size = 0;

  /** The list that was used last, of whatever `members_seq`. */
  peek(id: ConversationId): MemberList | undefined {
    const list = this.#lists.get(id);
    if (list) {
      this.#lists.delete(id);
      this.#lists.set(id, list);
    }
    return list;
  }

  /** `result[i]`: the committed members of the group `ids[i]`; none if there is no such group. */
  async current(db: Database, ids: readonly ConversationId[]): Promise<(readonly UserId[])[]> {
    const { rows } = await membersSeqQuery(ids).execute(db);
    const seqs = new Map(rows.map((row) => [row.id, row.members_seq]));
    const found: (readonly UserId[])[] = [];
    for (const id of ids) {
      const membersSeq = seqs.get(id);
      found.push(membersSeq === undefined ? [] : await this.of(db, id, membersSeq));
    }
    return found;
  }

  async of(db: Database, id: ConversationId, membersSeq: number): Promise<readonly UserId[]> {
    const known = this.peek(id);
    if (known?.membersSeq === membersSeq) return known.userIds;
    const { rows } = await memberListQuery(id).execute(db);
    const userIds = rows.map((row) => row.user_id).sort();
    const set = new Set(userIds);
    this.#drop(id);
    this.#lists.set(id, { membersSeq, userIds, has: (userId) => set.has(userId) });
    this.#size += userIds.length;
    for (const oldest of this.#lists.keys()) {
      if (this.#size <= MAX_USER_IDS || oldest === id) break;
      this.#drop(oldest);
    }
    return userIds;
  }

  /** Call it when the members change, and when a transaction that read a list is rolled back. */
  forget(id: ConversationId): void {
    this.#drop(id);
  }

  #drop(id: ConversationId): void {
    const list = this.#lists.get(id);
    if (!list) return;
    this.#size -= list.userIds.length;
    this.#lists.delete(id);
  }
}

export function memberListQuery(id: ConversationId) {
  return sql<{ user_id: UserId }>`
select m.user_id from members m
where m.conversation_id = any(${[id]}::uuid[]) and m.role is not null`;
}

export function membersSeqQuery(ids: readonly ConversationId[]) {
  return sql<{ id: ConversationId; members_seq: number }>`
select c.id, c.members_seq from conversations c where c.id = any(${ids}::uuid[]) and c.kind = 'group'`;
}
