import { randomUUID } from 'node:crypto';
import {
  type ClientMessageId,
  type ConversationId,
  type Extras,
  type GroupChangeEntry,
  type GroupSendEntry,
  type Message,
  type MessageChangeEntry,
  Rejection,
  type UserId,
} from '@chat-cluster/contracts';
import {
  type ConversationWrites,
  newConversationId,
  newMessageId,
  type StoredGroupChange,
  type StoredGroupMessage,
  type StoredGroupRead,
  type StoredMessageChange,
} from '@chat-cluster/domain';
import { createConversationWrites, type Database, type GroupRules, type MemberLists } from '@chat-cluster/postgres';
import { GROUP_RULES } from '@chat-cluster/testkit';

/** A user whose id no other test uses. */
export function newUser(name: string): UserId {
  return `${name}-${randomUUID()}` as UserId;
}

export function sendEntry(
  conversationId: ConversationId,
  senderId: UserId,
  content: string,
  extras: Extras & { key?: string } = {},
): GroupSendEntry {
  const { key, ...rest } = extras;
  const id = newMessageId();
  const clientMessageId = (key ?? id) as ClientMessageId;
  return { kind: 'group_send', id, conversationId, senderId, clientMessageId, content, attachments: [], ...rest };
}

export function changeEntry(
  conversationId: ConversationId,
  by: UserId,
  change: GroupChangeEntry['change'],
  changeId: string = randomUUID(),
): GroupChangeEntry {
  return { kind: 'group_change', id: newMessageId(), conversationId, by, changeId, change };
}

/** Groups of a test, written one entry at a time. A rejection is thrown. */
export class GroupWorld {
  readonly writes: ConversationWrites;

  constructor(db: Database, rules: Partial<GroupRules> = {}, lists?: MemberLists) {
    this.writes = createConversationWrites(db, { ...GROUP_RULES, ...rules }, lists);
  }

  async create(owner: UserId, userIds: UserId[], title = 'Lunch'): Promise<ConversationId> {
    const id = newConversationId();
    await this.change(id, owner, { type: 'create', title, userIds });
    return id;
  }

  change(id: ConversationId, by: UserId, change: GroupChangeEntry['change'], changeId?: string) {
    return this.#one<StoredGroupChange>(changeEntry(id, by, change, changeId));
  }

  async send(
    id: ConversationId,
    by: UserId,
    content = 'hello',
    extras: Extras & { key?: string } = {},
  ): Promise<Message> {
    return (await this.#one<StoredGroupMessage>(sendEntry(id, by, content, extras))).message;
  }

  read(id: ConversationId, userId: UserId, upToSeq: number | null = null) {
    return this.#one<StoredGroupRead>({ kind: 'group_read', conversationId: id, userId, upToSeq });
  }

  edit(
    id: ConversationId,
    by: UserId,
    seq: number,
    content: string,
    more: { mentions?: UserId[]; changeId?: string } = {},
  ) {
    const { changeId = randomUUID(), ...rest } = more;
    return this.changeMessage(id, by, seq, { type: 'edit', changeId, content, ...rest });
  }

  remove(id: ConversationId, by: UserId, seq: number) {
    return this.changeMessage(id, by, seq, { type: 'delete' });
  }

  react(id: ConversationId, by: UserId, seq: number, emoji: string, on = true) {
    return this.changeMessage(id, by, seq, { type: 'react', emoji, on });
  }

  changeMessage(conversationId: ConversationId, by: UserId, seq: number, change: MessageChangeEntry['change']) {
    return this.#one<StoredMessageChange>({ kind: 'message_change', conversationId, by, seq, change });
  }

  async #one<T>(entry: Parameters<ConversationWrites['apply']>[0][number]): Promise<T> {
    const [outcome] = await this.writes.apply([entry]);
    if (outcome instanceof Rejection) throw outcome;
    return outcome as T;
  }
}
