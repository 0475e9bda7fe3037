/*
 * Longer than 250 lines on purpose: everything that changes what a fake cluster stores.
 */
import type {
  Attachment,
  ClientMessageId,
  Conversation,
  ConversationId,
  Message,
  MessageId,
  StoreEpoch,
  UserId,
} from '@chat-cluster/contracts';
import type { FakeClock } from './clock.ts';
import { FakeRejection } from './errors.ts';
import type { FakeIds } from './ids.ts';
import { newPerson, type Person, sees } from './people.ts';
import {
  type FeedPlace,
  idsOf,
  iso,
  otherOf,
  personOf,
  type StoredConversation,
  type StoredMessage,
  shown,
} from './stored.ts';
import { markOf, type ReadMark, unreadIn } from './views.ts';

/** A message as its sender submits it, after validation. */
export interface FakeDraft {
  conversationId: ConversationId;
  content: string | null;
  attachments: Attachment[];
  clientMessageId: ClientMessageId | undefined;
  replyToSeq?: number | undefined;
  mentions?: UserId[] | undefined;
  mentionsAll?: boolean | undefined;
}

/** What a user has not read. */
export interface FakeCounts {
  count: number;
  mutedCount: number;
  mentionCount: number;
}

/** A copy of the history at one moment. */
export interface FakeBackup {
  readonly conversations: readonly StoredConversation[];
  readonly blocks: readonly string[];
}

/** What a fake cluster stores: conversations, their messages with dense numbers, read marks, and blocks. */
export class FakeHistory {
  epoch: StoreEpoch;
  readonly #clock: FakeClock;
  readonly #ids: FakeIds;
  #conversations = new Map<ConversationId, StoredConversation>();
  /** Pairs of users, as a JSON list: the first has blocked the second. */
  #blocks = new Set<string>();
  #changes = 0;
  #lastAt = 0;

  constructor(clock: FakeClock, ids: FakeIds) {
    this.#clock = clock;
    this.#ids = ids;
    this.epoch = ids.epoch();
  }

  now(): number {
    return this.#clock.now();
  }

  /** The direct conversation of two users; of one user, notes. */
  open(a: UserId, b: UserId): { conversation: Conversation; created: boolean } {
    const existing = this.all().find((one) => one.kind === 'direct' && samePair(idsOf(one), a, b));
    if (existing) return { conversation: toConversation(existing), created: false };
    this.checkBlocks(a, b);
    const userIds = [...new Set([a, b])];
    const conversation = this.create('direct', '', userIds);
    return { conversation: toConversation(conversation), created: true };
  }

  /** A new conversation without entries. The first user is the owner of a group. */
  create(kind: StoredConversation['kind'], title: string, userIds: readonly UserId[]): StoredConversation {
    const place = this.#nextPlace();
    const createdAt = iso(place.at);
    const people = userIds.map((userId, i) =>
      newPerson(userId, i === 0 && kind === 'group' ? 'owner' : 'member', createdAt, 1),
    );
    const id = this.#ids.conversation();
    const conversation: StoredConversation = {
      ...{ id, kind, title, createdAt, messages: [], people, lastRev: 0 },
      ...{ updated: place, activity: place },
    };
    this.#conversations.set(id, conversation);
    return conversation;
  }

  /** Stores a message, or returns the one that the sender has stored under this client message id. */
  append(senderId: UserId, draft: FakeDraft): { message: Message; duplicate: boolean } {
    const conversation = this.of(senderId, draft.conversationId);
    const first = this.#sentBefore(conversation, senderId, draft.clientMessageId);
    if (first) return { message: shown(conversation, first, senderId), duplicate: true };
    const { userId: receiverId } = otherOf(conversation, senderId);
    if (conversation.kind === 'direct') this.checkBlocks(senderId, receiverId);
    else this.member(senderId, conversation);
    const extras = { ...this.#replyTo(senderId, conversation, draft.replyToSeq), ...mentions(conversation, draft) };
    const { content, attachments, clientMessageId } = draft;
    const { message } = this.#store(conversation, {
      ...{ senderId, clientMessageId, content, attachments, ...extras },
      ...(conversation.kind === 'direct' && { receiverId }),
    });
    for (const person of conversation.people) person.settings.archived = false;
    return { message, duplicate: false };
  }

  /** Stores an entry about a group. */
  appendEntry(
    by: UserId,
    conversation: StoredConversation,
    changeId: string | undefined,
    system: NonNullable<Message['system']>,
  ): Message {
    const fields = { senderId: by, clientMessageId: changeId as ClientMessageId | undefined, system };
    return this.#store(conversation, { ...fields, content: null, attachments: [] }).message;
  }

  /** The entry that an earlier request with this change id has stored. */
  entryOf(by: UserId, conversation: StoredConversation, changeId: string | undefined): StoredMessage | undefined {
    return this.#sentBefore(conversation, by, changeId);
  }

  /** Counts a change of a message. */
  changed(conversation: StoredConversation, message: StoredMessage): string {
    conversation.activity = this.#nextPlace();
    message.rev = ++conversation.lastRev;
    return iso(conversation.activity.at);
  }

  /** Moves a read mark forward. Default: up to the last message. Clears the flag of an unread conversation. */
  markRead(userId: UserId, id: ConversationId, upToSeq?: number): { mark: ReadMark; moved: boolean; cleared: boolean } {
    const conversation = this.of(userId, id);
    const person = this.member(userId, conversation);
    const target = Math.min(upToSeq ?? Number.POSITIVE_INFINITY, conversation.messages.length);
    const cleared = person.settings.markedUnread;
    person.settings.markedUnread = false;
    const moved = target > person.upToSeq;
    if (moved) {
      conversation.activity = this.#nextPlace();
      person.upToSeq = target;
      person.readAt = iso(conversation.activity.at);
      person.deliveredUpTo = Math.max(person.deliveredUpTo, target);
    }
    return { mark: markOf(person), moved, cleared };
  }

  /** Counts a change of a conversation that is no message: it appears in the feed again. */
  touch(conversation: StoredConversation): void {
    conversation.activity = this.#nextPlace();
  }

  /** The conversation, if the user is or was in it. Throws CONVERSATION_NOT_FOUND. */
  of(userId: UserId, id: ConversationId): StoredConversation {
    const found = this.find(userId, id);
    if (!found) throw new FakeRejection('CONVERSATION_NOT_FOUND');
    return found;
  }

  find(userId: UserId, id: ConversationId): StoredConversation | undefined {
    const conversation = this.#conversations.get(id);
    return conversation?.people.some((one) => one.userId === userId) ? conversation : undefined;
  }

  /** The user as a member. Throws FORBIDDEN for a former one. */
  member(userId: UserId, conversation: StoredConversation): Person {
    const person = personOf(conversation, userId);
    if (person.role === null) throw new FakeRejection('FORBIDDEN', { message: 'You are not a member of this group.' });
    return person;
  }

  /** A message that the user may see. Throws MESSAGE_NOT_FOUND. */
  messageOf(userId: UserId, conversation: StoredConversation, seq: number): StoredMessage {
    const message = conversation.messages[seq - 1];
    if (!message || !sees(personOf(conversation, userId), seq)) throw new FakeRejection('MESSAGE_NOT_FOUND');
    return message;
  }

  /** The messages of a conversation; those that a user may see, with the own reactions. */
  messages(id: ConversationId, userId?: UserId): Message[] {
    const conversation = this.#conversations.get(id);
    if (!conversation) return [];
    const person = userId === undefined ? undefined : personOf(conversation, userId);
    const visible = conversation.messages.filter(({ seq }) => !person || sees(person, seq));
    return visible.map((one) => shown(conversation, one, userId));
  }

  /** All conversations, or those that one user is or was in. */
  all(userId?: UserId): StoredConversation[] {
    const all = [...this.#conversations.values()];
    return userId === undefined ? all : all.filter(({ id }) => this.find(userId, id));
  }

  countsOf(userId: UserId): FakeCounts {
    const counts = { count: 0, mutedCount: 0, mentionCount: 0 };
    for (const conversation of this.all(userId)) {
      const { count, mentionCount } = unreadIn(userId, conversation);
      counts[personOf(conversation, userId).settings.muted ? 'mutedCount' : 'count'] += count;
      counts.mentionCount += mentionCount;
    }
    return counts;
  }

  setBlock(userId: UserId, other: UserId, blocked: boolean): void {
    this.#blocks[blocked ? 'add' : 'delete'](JSON.stringify([userId, other]));
  }

  blockedBy(userId: UserId): UserId[] {
    const pairs = [...this.#blocks].map((pair) => JSON.parse(pair) as [UserId, UserId]);
    return pairs.flatMap(([by, other]) => (by === userId ? [other] : [])).sort();
  }

  /** One of the two has blocked the other. */
  areBlocked(a: UserId, b: UserId): boolean {
    return this.#blocks.has(JSON.stringify([a, b])) || this.#blocks.has(JSON.stringify([b, a]));
  }

  checkBlocks(a: UserId, b: UserId): void {
    const message = 'On this server, you cannot write to this user.';
    if (this.areBlocked(a, b)) throw new FakeRejection('FORBIDDEN', { message });
  }

  backup(): FakeBackup {
    return { conversations: structuredClone(this.all()), blocks: [...this.#blocks] };
  }

  /** Replaces everything by a backup, under a new epoch. */
  restore(backup: FakeBackup): void {
    this.#conversations = new Map(structuredClone(backup.conversations).map((one) => [one.id, one]));
    this.#blocks = new Set(backup.blocks);
    this.epoch = this.#ids.epoch();
  }

  #store(
    conversation: StoredConversation,
    fields: Omit<
      StoredMessage,
      'id' | 'conversationId' | 'seq' | 'createdAt' | 'reactors' | 'versions' | 'clientMessageId'
    > & {
      clientMessageId: ClientMessageId | undefined;
    },
  ): { message: Message } {
    const id: MessageId = this.#ids.message();
    conversation.updated = conversation.activity = this.#nextPlace();
    const stored: StoredMessage = {
      ...fields,
      id,
      conversationId: conversation.id,
      seq: conversation.messages.length + 1,
      clientMessageId: fields.clientMessageId ?? (id as string as ClientMessageId),
      createdAt: iso(conversation.updated.at),
      reactors: [],
      versions: [],
    };
    conversation.messages.push(stored);
    return { message: shown(conversation, stored) };
  }

  #sentBefore({ messages }: StoredConversation, senderId: UserId, id: string | undefined): StoredMessage | undefined {
    return id === undefined
      ? undefined
      : messages.find((one) => one.senderId === senderId && one.clientMessageId === id);
  }

  #replyTo(userId: UserId, conversation: StoredConversation, seq: number | undefined): Pick<Message, 'replyTo'> {
    if (seq === undefined) return {};
    const { senderId, content, deletedAt } = this.messageOf(userId, conversation, seq);
    if (deletedAt) throw new FakeRejection('MESSAGE_NOT_FOUND');
    return { replyTo: { seq, senderId, text: content?.slice(0, 100) ?? null } };
  }

  #nextPlace(): FeedPlace {
    // Each change has a time of its own, so that clients sort conversations alike in each run.
    this.#lastAt = Math.max(this.#clock.now(), this.#lastAt + 1);
    return { at: this.#lastAt, order: ++this.#changes };
  }
}

/** Mentioned users who are in the conversation. */
export function mentions(
  conversation: StoredConversation,
  draft: Pick<FakeDraft, 'mentions' | 'mentionsAll'>,
): Pick<Message, 'mentions' | 'mentionsAll'> {
  const members = idsOf(conversation);
  const mentioned = [...new Set(draft.mentions)].filter((userId) => members.includes(userId));
  return {
    ...(mentioned.length > 0 && { mentions: mentioned }),
    ...(draft.mentionsAll && conversation.kind === 'group' && { mentionsAll: true as const }),
  };
}

function samePair(userIds: readonly UserId[], a: UserId, b: UserId): boolean {
  return userIds.length === new Set([a, b]).size && userIds.includes(a) && userIds.includes(b);
}

function toConversation(conversation: StoredConversation): Conversation {
  const { id, createdAt } = conversation;
  return { id, kind: 'direct', participantIds: idsOf(conversation), createdAt };
}
