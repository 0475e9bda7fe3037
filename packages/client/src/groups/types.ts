import type {
  ConversationSettings,
  GroupOfMember,
  Member,
  Message,
  Role,
  UserId,
  VisibleHistory,
} from '@chat-cluster/contracts';
import type {
  ChatClient,
  ChatExtension,
  Conversation,
  ConversationSnapshot,
  DraftMessage,
  Observable,
  SentMessage,
} from '../types.ts';

/*
 * The public interface of the entry ./groups, in the order in which an application meets it.
 */

/** The type of {@link groups}. */
export type GroupsExtension = ChatExtension<GroupChatClient>;

/** A client with groups, changes of messages, settings and receipts: `createChatClient({ …, extension: groups })`. */
export interface GroupChatClient extends ChatClient {
  readonly groups: Groups;
  /** The users that this user has blocked. */
  readonly blocks: Blocks;
  /** What the server counts beside `badge`. The event `badge` is emitted when one of the three changes. */
  readonly counts: UnreadCounts;
  direct(userId: string): Promise<FullConversation>;
  /** A conversation of either kind. */
  conversation(id: string): FullConversation;
}

/** Unread messages that `badge` does not contain, or not alone. */
export interface UnreadCounts {
  /** Unread messages of muted conversations, which `badge` does not contain. */
  readonly mutedCount: number;
  /** Unread messages that mention the user, also of muted conversations. */
  readonly mentionCount: number;
}

/** What concerns no single group. */
export interface Groups {
  /**
   * Creates a group, with this user as its owner. Rejects with a coded error; a repetition with the same `changeId` is
   * safe.
   */
  create(group: NewGroup): Promise<FullConversation>;
}

/** A group to create. */
export interface NewGroup {
  title: string;
  /** The other members. */
  userIds: readonly string[];
  /** Default: a new random id. With an id of your own, a repetition after a lost connection finds the same group. */
  changeId?: string;
}

/**
 * Blocked users: no direct messages, presence or typing in either direction. Groups are unaffected. A list that is loaded
 * follows the changes of all devices of the user. Methods reject with a coded error.
 */
export interface Blocks extends Observable<readonly UserId[] | undefined> {
  /** Loads the list, which is undefined before. */
  load(): Promise<void>;
  block(userId: string): Promise<void>;
  unblock(userId: string): Promise<void>;
}

/** What the application sends with the extension. Mentioned users who are not members are dropped by the server. */
export interface FullDraft extends DraftMessage {
  /** Replies to this message of the conversation. */
  replyToSeq?: number;
  /** Mentioned users, at most 50. */
  mentions?: readonly string[];
  /** Mentions all members of a group. */
  mentionsAll?: boolean;
}

/** The new text of a message. */
export interface MessageEdit {
  content: string;
  mentions?: readonly string[];
  /** Default: a new random id. A repetition with the same id changes nothing. */
  changeId?: string;
}

/**
 * A conversation of either kind. Changes are shown at once: a message whose change is under way has `isChanging`, and a
 * change that fails is taken back. Every promise rejects with an Error that has a `code`: `FORBIDDEN` (the role does not
 * allow it), `TOO_LATE`, `MESSAGE_NOT_FOUND`, `MEMBER_NOT_FOUND`, `LIMIT_EXCEEDED`, and `CONNECTION_LOST` or `TIMEOUT`, after
 * which the change may have taken effect. The extension repeats nothing by itself; all changes may be repeated.
 */
export interface FullConversation extends Conversation {
  /** As the list shows it: `group` with title, role and number of members, `settings`, counts. undefined: not known yet. */
  readonly info: Observable<ConversationSnapshot | undefined>;
  /** `undefined`: not known yet. */
  readonly kind: 'direct' | 'group' | undefined;
  /** The group as this user sees it; `role` is null after the user has left or was removed: then it is read-only. */
  readonly group: GroupOfMember | undefined;

  send(draft: FullDraft | string): SentMessage;
  /** Replaces the text of a message, within the time that the server allows. */
  edit(seq: number, edit: MessageEdit | string): Promise<Message>;
  /** Deletes a message for everyone: its content is removed, its place stays. */
  delete(seq: number): Promise<Message>;
  /** Sets or clears (`on` false) a reaction of this user. */
  react(seq: number, emoji: string, on?: boolean): Promise<Message>;
  /** Earlier texts of an edited message, oldest first. */
  versions(seq: number): Promise<readonly MessageVersion[]>;
  /** Users who reacted with this emoji. */
  reactors(seq: number, emoji: string): Promise<readonly UserId[]>;
  /** Members who have read the message; in large groups the first ones, with the counts. */
  readers(seq: number): Promise<Readers>;
  /** Who has read a message, and who has it on a device, of the others, as far as this device knows. */
  receipts(seq: number): Receipts;

  /** Changes settings of this conversation, for all devices of the user. */
  set(settings: Partial<ConversationSettings>): Promise<ConversationSettings>;

  /** The members of the group, as far as they are loaded. */
  readonly members: MemberList;
  rename(title: string): Promise<GroupOfMember>;
  /** Adds users. `history`: which earlier messages they see (default `none`). */
  add(userIds: readonly string[], options?: { history?: VisibleHistory; changeId?: string }): Promise<GroupOfMember>;
  remove(userId: string): Promise<GroupOfMember>;
  /** The group stays in the list, read-only. */
  leave(): Promise<GroupOfMember>;
  setRole(userId: string, role: Role): Promise<GroupOfMember>;
}

/** A text that a message had before an edit. */
export interface MessageVersion {
  content: string | null;
  /** When the text was replaced, and the user who did it. */
  editedAt: string;
  editedBy: UserId;
}

/** `count` of `of` members have read the message; `userIds` are the first of them. */
export interface Readers {
  userIds: readonly UserId[];
  count: number;
  of: number;
}

/** Other participants. A user who has read the message is not in `delivered`. */
export interface Receipts {
  read: readonly UserId[];
  delivered: readonly UserId[];
}

/** The members of a group, in the order of their ids. A change of the members loads the pages again that were loaded. */
export interface MemberList extends Observable<MembersSnapshot> {
  /** Loads the next page. One request at a time; rejects with a coded error. */
  loadMore(): Promise<void>;
}

/** Loaded members, as an immutable snapshot. */
export interface MembersSnapshot {
  readonly members: readonly Member[];
  readonly hasMore: boolean;
  readonly isLoading: boolean;
}
