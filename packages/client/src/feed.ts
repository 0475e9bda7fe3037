import type { ConversationSummary, SyncAck, SyncedConversation } from '@chat-cluster/contracts';

/** A conversation with activity since a point: what a list shows, and the read marks. */
export type FeedEntry = ConversationSummary & Pick<SyncedConversation, 'readMarks'>;

/**
 * The part of an ack of `sync` that lists activity after the `since` of its request, oldest first. Entries may repeat.
 * `hasMore`: request again with this `since`. Absent from the acks of gateways of an earlier version.
 */
export interface Feed {
  conversations: FeedEntry[];
  since: string;
  hasMore: boolean;
}

export type SyncAckWithFeed = SyncAck & { feed?: Feed };
