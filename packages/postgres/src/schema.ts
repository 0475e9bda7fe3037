import type { Attachment, ClientMessageId, ConversationId, MessageId, UserId } from '@chat-cluster/contracts';
import type { ColumnType, Generated } from 'kysely';

/** The tables as Kysely sees them; the migrations are what made them. */
export interface Schema {
  conversations: {
    id: ConversationId;
    kind: Generated<'direct'>;
    last_seq: Generated<number>;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
  };
  /** `user_low <= user_high`: the one direct conversation of a pair. */
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
    /** null: none. */
    attachments: ColumnType<Attachment[] | null, string | null, never>;
    created_at: Generated<Date>;
  };
  /** What was accepted and could not be stored. */
  dead_letters: {
    id: string;
    at: Generated<Date>;
    source: 'store' | 'lane';
    reason: string;
    attempts: Generated<number>;
    /** JSON. */
    entry: string;
  };
}
