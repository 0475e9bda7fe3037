import { PERMISSIONS, type Role, type SystemEntry } from '@chat-cluster/contracts';
import type { DatabaseState, GroupCaps, StoredWindow } from './history.ts';
import type { Violation } from './violation.ts';

type Row = DatabaseState['messages'][number];

/** Entries that a user may see. `toSeq` null: also all later ones. */
export type Range = Pick<StoredWindow, 'fromSeq' | 'toSeq'>;

/** A group as its entries report it. `wrong`: what an entry may not do in the state before it. */
export class ReplayedGroup {
  title: string | undefined;
  readonly roles = new Map<string, Role>();
  readonly windows = new Map<string, Range[]>();
  readonly wrong: Violation[] = [];
  readonly #caps: GroupCaps | undefined;
  readonly #seesAll: (row: Row) => boolean;

  /** `seesAll`: the new members of this entry see the whole history. */
  constructor(rows: readonly Row[], of: { caps: GroupCaps | undefined; seesAll(row: Row): boolean }) {
    this.#caps = of.caps;
    this.#seesAll = of.seesAll;
    for (const row of rows.toSorted((a, b) => a.seq - b.seq)) this.#take(row);
  }

  #take(row: Row): void {
    const entry = row.system === undefined ? undefined : (JSON.parse(row.system) as SystemEntry);
    const role = this.roles.get(row.senderId);
    if (entry?.type !== 'created' && !role) this.#fail(row, `${row.senderId} is not a member`);
    if (!entry) return;
    if (entry.type !== 'created' && role && !mayDo(role, entry, this.roles))
      this.#fail(row, `by ${role}: ${row.system}`);
    this.#apply(row, entry);
    this.#checkState(row, entry);
  }

  #apply(row: Row, entry: SystemEntry): void {
    const { seq, senderId } = row;
    switch (entry.type) {
      case 'created':
        this.title = entry.title;
        this.#join(senderId, 'owner', seq);
        for (const userId of entry.userIds) if (userId !== senderId) this.#join(userId, 'member', seq);
        return;
      case 'added':
        for (const userId of entry.userIds) this.#join(userId, 'member', seq, this.#seesAll(row) ? 1 : seq);
        return;
      case 'removed':
        for (const userId of entry.userIds) this.#part(userId, seq);
        return;
      case 'left':
        this.#part(senderId, seq);
        if (entry.newOwnerId !== undefined) this.roles.set(entry.newOwnerId, 'owner');
        return;
      case 'renamed':
        this.title = entry.title;
        return;
      case 'role':
        for (const userId of entry.userIds) this.roles.set(userId, entry.role);
    }
  }

  #join(userId: string, role: Role, seq: number, fromSeq = seq): void {
    if (this.roles.has(userId)) this.#fail({ seq }, `${userId} is a member already`);
    this.roles.set(userId, role);
    this.windows.set(userId, [...(this.windows.get(userId) ?? []), { fromSeq, toSeq: null }]);
  }

  #part(userId: string, seq: number): void {
    if (!this.roles.delete(userId)) this.#fail({ seq }, `${userId} is not a member`);
    const last = this.windows.get(userId)?.at(-1);
    if (last) last.toSeq = seq;
  }

  #checkState(row: Row, entry: SystemEntry): void {
    const roles = [...this.roles.values()];
    if (roles.length > 0 && !roles.includes('owner')) this.#fail(row, 'no owner is left');
    if (!this.#caps || !('userIds' in entry)) return;
    const { members, usersPerAdd } = this.#caps;
    if (this.roles.size > members)
      this.wrong.push({ kind: 'overCap', detail: `${placeOf(row)}: ${this.roles.size} members` });
    if (entry.userIds.length <= usersPerAdd) return;
    this.wrong.push({ kind: 'overCap', detail: `${placeOf(row)}: ${entry.userIds.length} users at once` });
  }

  #fail(row: Pick<Row, 'seq'>, what: string): void {
    this.wrong.push({ kind: 'wrongMembership', detail: `seq ${row.seq}: ${what}` });
  }
}

function placeOf({ conversationId, seq }: Row): string {
  return `${conversationId} seq ${seq}`;
}

function mayDo(role: Role, entry: SystemEntry, roles: ReadonlyMap<string, Role>): boolean {
  const may = PERMISSIONS[role];
  switch (entry.type) {
    case 'created':
    case 'left':
      return true;
    case 'added':
      return may.add;
    case 'removed':
      return entry.userIds.every((userId) => (may.remove as readonly Role[]).includes(roles.get(userId) ?? 'member'));
    case 'renamed':
      return may.rename;
    case 'role':
      return may.setRole;
  }
}
