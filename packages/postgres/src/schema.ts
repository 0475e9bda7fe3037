import type {
  Attachment,
  ClientMessageId,
  ConversationId,
  MessageId,
  StoreEpoch,
  UserId,
} from '@chat-cluster/contracts';
import type { ColumnType, Generated } from 'kysely';

/** Types of the tables for Kysely. The migrations create the tables. */
export interface Schema {
  conversations: {
    id: ConversationId;
    kind: Generated<'direct'>;
    last_seq: Generated<number>;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
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
  };
  messages: {
    conversation_id: ConversationId;
    seq: number;
    id: MessageId;
    sender_id: UserId;
    client_message_id: ClientMessageId;
    content: string | null;
    /** null: no attachments. */
    attachments: ColumnType<Attachment[] | null, string | null, never>;
    created_at: Generated<Date>;
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
