import type {
  Attachment,
  ClientMessageId,
  Conversation,
  ConversationId,
  ConversationSummary,
  Message,
  StoreEpoch,
  SyncedConversation,
  UserId,
} from '@chat-cluster/contracts';
import type { FakeClock } from './clock.ts';
import { FakeRejection } from './errors.ts';
import type { FakeIds } from './ids.ts';

/** A message as its sender submits it, after validation. */
export interface FakeDraft {
  conversationId: ConversationId;
  content: string | null;
  attachments: Attachment[];
  clientMessageId: ClientMessageId | undefined;
}

export type ReadMark = SyncedConversation['readMarks'][number];

/** Place of a conversation in the feed: the time of its last activity in ms since 1970, then the order of changes. */
export interface FeedPlace {
  at: number;
  order: number;
}

interface StoredConversation extends Conversation {
  messages: Message[];
  marks: ReadMark[];
  /** Time and order of the last message, or of the opening. */
  updated: FeedPlace;
  /** The same, or that of a later read mark. */
  activity: FeedPlace;
}

/** A copy of the history at one moment. */
export interface FakeBackup {
  readonly conversations: readonly StoredConversation[];
}

/** What a fake cluster stores: conversations, their messages with dense numbers, and read marks. */
export class FakeHistory {
  epoch: StoreEpoch;
  readonly #clock: FakeClock;
  readonly #ids: FakeIds;
  #conversations = new Map<ConversationId, StoredConversation>();
  #changes = 0;
  #lastAt = 0;

  constructor(clock: FakeClock, ids: FakeIds) {
    this.#clock = clock;
    this.#ids = ids;
    this.epoch = ids.epoch();
  }

  /** The direct conversation of two users; of one user, notes. */
  open(a: UserId, b: UserId): { conversation: Conversation; created: boolean } {
    const existing = this.all().find(({ participantIds }) => samePair(participantIds, a, b));
    if (existing) return { conversation: toConversation(existing), created: false };
    const place = this.#nextPlace();
    const participantIds = [...new Set([a, b])];
    const conversation: StoredConversation = {
      id: this.#ids.conversation(),
      kind: 'direct',
      participantIds,
      createdAt: iso(place.at),
      messages: [],
      marks: participantIds.map((userId) => ({ userId, upToSeq: 0, readAt: null })),
      updated: place,
      activity: place,
    };
    this.#conversations.set(conversation.id, conversation);
    return { conversation: toConversation(conversation), created: true };
  }

  /** Stores a message, or returns the one that the sender has stored under this client message id. */
  append(senderId: UserId, draft: FakeDraft): { message: Message; duplicate: boolean } {
    const conversation = this.of(senderId, draft.conversationId);
    const { messages } = conversation;
    const first = messages.find((one) => one.senderId === senderId && one.clientMessageId === draft.clientMessageId);
    if (first) return { message: shown(conversation, first), duplicate: true };
    const id = this.#ids.message();
    conversation.updated = conversation.activity = this.#nextPlace();
    const message: Message = {
      id,
      conversationId: conversation.id,
      seq: messages.length + 1,
      senderId,
      receiverId: otherOf(conversation, senderId),
      clientMessageId: draft.clientMessageId ?? (id as string as ClientMessageId),
      content: draft.content,
      attachments: draft.attachments,
      isRead: false,
      createdAt: iso(conversation.updated.at),
    };
    messages.push(message);
    return { message: shown(conversation, message), duplicate: false };
  }

  /** Moves a read mark forward. Default: up to the last message. */
  markRead(userId: UserId, id: ConversationId, upToSeq?: number): { mark: ReadMark; moved: boolean } {
    const conversation = this.of(userId, id);
    const mark = markOf(conversation, userId);
    const target = Math.min(upToSeq ?? Number.POSITIVE_INFINITY, conversation.messages.length);
    if (target <= mark.upToSeq) return { mark, moved: false };
    conversation.activity = this.#nextPlace();
    mark.upToSeq = target;
    mark.readAt = iso(conversation.activity.at);
    return { mark, moved: true };
  }

  /** The conversation, if the user is in it. Throws CONVERSATION_NOT_FOUND. */
  of(userId: UserId, id: ConversationId): StoredConversation {
    const found = this.find(userId, id);
    if (!found) throw new FakeRejection('CONVERSATION_NOT_FOUND');
    return found;
  }

  find(userId: UserId, id: ConversationId): StoredConversation | undefined {
    const conversation = this.#conversations.get(id);
    return conversation?.participantIds.includes(userId) ? conversation : undefined;
  }

  /** Messages with `seq` from `fromSeq` on, at most `count`. */
  range(id: ConversationId, fromSeq: number, count: number): Message[] {
    const conversation = this.#conversations.get(id);
    const from = Math.max(0, fromSeq - 1);
    return conversation?.messages.slice(from, from + count).map((one) => shown(conversation, one)) ?? [];
  }

  /** All conversations, or those of one user. */
  all(userId?: UserId): StoredConversation[] {
    const all = [...this.#conversations.values()];
    return userId === undefined ? all : all.filter(({ participantIds }) => participantIds.includes(userId));
  }

  summary(userId: UserId, conversation: StoredConversation): ConversationSummary {
    const { id, messages, updated } = conversation;
    const last = messages.at(-1);
    return {
      id,
      otherUserId: otherOf(conversation, userId),
      lastMessage: last ? shown(conversation, last) : null,
      unreadCount: this.unreadIn(userId, conversation),
      lastSeq: messages.length,
      updatedAt: iso(updated.at),
    };
  }

  /** Messages of others after the read mark of the user. */
  unreadIn(userId: UserId, conversation: StoredConversation): number {
    const { upToSeq } = markOf(conversation, userId);
    return conversation.messages.filter(({ seq, senderId }) => seq > upToSeq && senderId !== userId).length;
  }

  unreadOf(userId: UserId): number {
    return this.all(userId).reduce((sum, one) => sum + this.unreadIn(userId, one), 0);
  }

  backup(): FakeBackup {
    return { conversations: structuredClone(this.all()) };
  }

  /** Replaces everything by a backup, under a new epoch. */
  restore(backup: FakeBackup): void {
    this.#conversations = new Map(structuredClone(backup.conversations).map((one) => [one.id, one]));
    this.epoch = this.#ids.epoch();
  }

  #nextPlace(): FeedPlace {
    // Each change has a time of its own, so that clients sort conversations alike in each run.
    this.#lastAt = Math.max(this.#clock.now(), this.#lastAt + 1);
    return { at: this.#lastAt, order: ++this.#changes };
  }
}

function samePair(participantIds: readonly UserId[], a: UserId, b: UserId): boolean {
  return participantIds.length === new Set([a, b]).size && participantIds.includes(a) && participantIds.includes(b);
}

function toConversation({ id, kind, participantIds, createdAt }: StoredConversation): Conversation {
  return { id, kind, participantIds, createdAt };
}

/** The message as it is now: `isRead` follows the mark of its receiver. */
function shown(conversation: StoredConversation, message: Message): Message {
  return { ...message, isRead: message.seq <= markOf(conversation, message.receiverId).upToSeq };
}

function otherOf({ participantIds }: StoredConversation, userId: UserId): UserId {
  return participantIds.find((one) => one !== userId) ?? userId;
}

function markOf({ marks }: StoredConversation, userId: UserId): ReadMark {
  const mark = marks.find((one) => one.userId === userId);
  if (!mark) throw new Error(`${userId} is not in the conversation.`);
  return mark;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
