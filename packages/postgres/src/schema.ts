import type {
  Attachment,
  ClientMessageId,
  ConversationId,
  MessageId,
  Reaction,
  ReplyTo,
  Role,
  StoreEpoch,
  SystemEntry,
  UserId,
} from '@chat-cluster/contracts';
import type { ColumnType, Generated } from 'kysely';

/** Types of the tables for Kysely. The migrations create the tables. */
export interface Schema {
  conversations: {
    id: ConversationId;
    kind: Generated<'direct' | 'group'>;
    last_seq: Generated<number>;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
    /** The columns that follow are null in a direct conversation, except `last_rev` and `changed_at`. */
    title: string | null;
    counted: number | null;
    member_count: number | null;
    members_seq: number | null;
    has_room: boolean | null;
    /** null: no message was changed. */
    last_rev: number | null;
    changed_at: Date | null;
    last_deletion_seq: number | null;
    last_all_seq: number | null;
  };
  /** The direct conversation of a pair, with `user_low <= user_high`. */
  direct_conversations: {
    user_low: UserId;
    user_high: UserId;
    conversation_id: ConversationId;
  };
  participants: {
    conversation_id: ConversationId;
    user_id: UserId;
    last_read_seq: Generated<number>;
    read_at: Date | null;
    unread_count: Generated<number>;
    delivered_seq: number | null;
    muted: boolean | null;
    /** The last `seq` when the conversation was archived: a later message ends it. */
    archived_seq: number | null;
    marked_unread: boolean | null;
  };
  /** Members of groups, and with `role` null former ones. */
  members: {
    conversation_id: ConversationId;
    user_id: UserId;
    role: Role | null;
    joined_at: Generated<Date>;
    left_at: Date | null;
    /** Title of the group, and its number of members, after a former member has left. */
    left_title: string | null;
    left_count: number | null;
    last_read_seq: Generated<number>;
    /** `counted_at` of the message of the read mark. */
    read_counted: Generated<number>;
    /** Messages of the user after the read mark, also deleted ones. */
    own_after: Generated<number>;
    /** Unread messages that mention the user, without those that mention all. */
    mention_count: Generated<number>;
    read_at: Date | null;
    delivered_seq: number | null;
    muted: boolean | null;
    /** `counted` of the group when it was archived: a later message ends it. */
    archived_counted: number | null;
    marked_unread: boolean | null;
  };
  /** Entries of a group that a user may see; `to_seq` null: and all later ones. */
  memberships: { conversation_id: ConversationId; user_id: UserId; from_seq: number; to_seq: number | null };
  /**
   * Number of groups of a user. Its row is locked by each change, so a cap is exact. A user without a row was never in a
   * group and has no settings of direct conversations, so its unread count is the sum of counters.
   */
  user_groups: { user_id: UserId; groups: Generated<number> };
  /** Deleted messages of groups. */
  deletions: { conversation_id: ConversationId; seq: number; sender_id: UserId };
  /** Messages of groups that mention all, without the deleted ones. */
  all_mentions: { conversation_id: ConversationId; seq: number; sender_id: UserId };
  /** Contents of messages before their edits. */
  message_versions: {
    conversation_id: ConversationId;
    seq: number;
    version: number;
    content: string | null;
    edited_at: Generated<Date>;
    edited_by: UserId;
    change_id: string;
  };
  reactions: {
    conversation_id: ConversationId;
    seq: number;
    emoji: string;
    user_id: UserId;
    reacted_at: Generated<Date>;
  };
  blocks: { user_id: UserId; blocked_id: UserId; blocked_at: Generated<Date> };
  messages: {
    conversation_id: ConversationId;
    seq: number;
    id: MessageId;
    sender_id: UserId;
    client_message_id: ClientMessageId;
    content: string | null;
    /** null: no attachments. */
    attachments: ColumnType<Attachment[] | null, string | null, null>;
    created_at: Generated<Date>;
    /** `counted` of the group after this entry; null in a direct conversation. */
    counted_at: number | null;
    extra: MessageExtra | null;
    reactions: Reaction[] | null;
    rev: number | null;
    edited_at: Date | null;
    deleted_at: Date | null;
    deleted_by: UserId | null;
  };
  /** Accepted entries that could not be stored. */
  dead_letters: {
    id: string;
    at: Generated<Date>;
    source: 'store' | 'lane';
    reason: string;
    attempts: Generated<number>;
    /** The entry as JSON text. */
    entry: string;
  };
  /** Tokens of a user that were issued before a time, or one token by its `jti`. */
  token_revocations: {
    kind: 'user' | 'token';
    subject: string;
    issued_before: Date;
    changed_at: Generated<Date>;
    /** Time after `changed_at` until its last token has expired, in ms; null: not known. */
    kept_ms: number | null;
  };
  /** One row. */
  store_epoch: {
    id: Generated<number>;
    epoch: Generated<StoreEpoch>;
    renewed_at: Generated<Date>;
    beats: Generated<number>;
  };
}

/** Parts of a message that most messages do not have. */
export interface MessageExtra {
  system?: SystemEntry;
  replyTo?: ReplyTo;
  mentions?: UserId[];
  mentionsAll?: true;
}
