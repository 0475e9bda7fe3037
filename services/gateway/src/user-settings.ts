import {
  type ConversationId,
  type ConversationSettings,
  Rejection,
  type UnreadCount,
  type UserId,
} from '@chat-cluster/contracts';
import type { Fanout, Settings, UnreadSummary } from '@chat-cluster/domain';
import type { DeliveredMarks, EphemeralEmitter } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

/** Reads of the badge after one change, if it changes meanwhile. */
const MAX_READS = 5;

export interface UserSettingsDeps {
  settings: Pick<Settings, 'setConversation' | 'markDelivered'>;
  unreadOf(userId: UserId): Promise<UnreadSummary>;
  fanout: Pick<Fanout, 'unreadCounts'>;
  ephemeral: EphemeralEmitter;
  deliveredMarks: DeliveredMarks;
  logger: Logger;
}

/** As parsed: absent settings stay as they are. */
type ChangedSettings = { [Name in keyof ConversationSettings]?: boolean | undefined };

/** Settings of users for conversations, and delivered marks: written by gateways, without a lane. */
export class UserSettings {
  readonly #deps: UserSettingsDeps;

  constructor(deps: UserSettingsDeps) {
    this.#deps = deps;
  }

  /** Resolves with all settings of the conversation; all devices of the user receive them. */
  async setConversation(
    userId: UserId,
    conversationId: ConversationId,
    changed: ChangedSettings,
  ): Promise<ConversationSettings> {
    const { settings, ephemeral, logger } = this.#deps;
    const all = await settings.setConversation(userId, conversationId, changed as Partial<ConversationSettings>);
    if (!all) throw new Rejection('CONVERSATION_NOT_FOUND');
    ephemeral.emit('conversation_changed', userId, { conversationId, settings: all });
    if (changed.muted !== undefined) {
      this.#refreshBadge(userId).catch((err: unknown) => {
        if (!(err instanceof Rejection)) logger.error({ err }, 'settings: the badge was not sent');
      });
    }
    return all;
  }

  /** Stores how far a device has the messages of conversations, and notifies the other participants. */
  async markDelivered(userId: UserId, marks: readonly { id: ConversationId; upToSeq: number }[]): Promise<void> {
    const moved = await this.#deps.settings.markDelivered(userId, marks);
    for (const { receipt, to } of moved) this.#deps.deliveredMarks.emit(to, receipt);
  }

  /**
   * Emits the badge, and reads it again afterwards. A badge that a worker emitted in between may be newer than the first
   * read; then the second one has it too, and is emitted.
   */
  async #refreshBadge(userId: UserId): Promise<void> {
    const { unreadOf, fanout } = this.#deps;
    let emitted: UnreadCount | undefined;
    for (let reads = 0; reads < MAX_READS; reads++) {
      const { count, mutedCount, mentionCount } = await unreadOf(userId);
      const isEmitted =
        emitted?.count === count && emitted.mutedCount === mutedCount && emitted.mentionCount === mentionCount;
      if (isEmitted) return;
      emitted = { count, ...(mutedCount && { mutedCount }), ...(mentionCount && { mentionCount }) };
      await fanout.unreadCounts([{ userId, unread: emitted }]);
    }
  }
}
