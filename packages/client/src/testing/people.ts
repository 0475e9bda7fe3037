import type { ConversationSettings, Role, UserId, Window } from '@chat-cluster/contracts';

/** Members of a group up to which receipts are emitted, and up to which its members see each other's presence. */
export const SMALL_GROUP = 32;
export const PRESENCE_GROUP = 100;

/** A user in a conversation: a participant of a direct one, or a member, or former member, of a group. */
export interface Person {
  userId: UserId;
  /** null: a former member. */
  role: Role | null;
  /** The group as it was when a former member left it. */
  left?: { title: string; memberCount: number };
  joinedAt: string;
  /** Entries that the user may see, in order. */
  windows: Window[];
  /** The read mark. */
  upToSeq: number;
  readAt: string | null;
  deliveredUpTo: number;
  settings: ConversationSettings;
}

export function newPerson(userId: UserId, role: Role, joinedAt: string, fromSeq: number): Person {
  return {
    userId,
    role,
    joinedAt,
    windows: [{ fromSeq, toSeq: null }],
    upToSeq: 0,
    readAt: null,
    deliveredUpTo: 0,
    settings: { muted: false, archived: false, markedUnread: false },
  };
}

/** The user may see the entry with this seq. */
export function sees({ windows }: Person, seq: number): boolean {
  return windows.some(({ fromSeq, toSeq }) => seq >= fromSeq && seq <= (toSeq ?? seq));
}

/** A user who was in the group before, or never, sees the entries from `fromSeq` on. */
export function openWindow(person: Person, fromSeq: number): void {
  const before = person.windows.filter(({ toSeq }) => toSeq !== null && toSeq < fromSeq - 1);
  const joined = person.windows.slice(before.length);
  person.windows = [...before, { fromSeq: Math.min(fromSeq, ...joined.map((one) => one.fromSeq)), toSeq: null }];
}

/** The user sees nothing after `toSeq` any more. */
export function closeWindow(person: Person, toSeq: number): void {
  person.role = null;
  person.windows = person.windows.map((one) => (one.toSeq === null ? { ...one, toSeq } : one));
}

/** Settings as answers have them: absent while all of them have their defaults. */
export function settingsOf({ settings }: Person): { settings?: ConversationSettings } {
  return Object.values(settings).some(Boolean) ? { settings: { ...settings } } : {};
}
