import { type ConversationId, LIMITS, Rejection, type UserId } from '@chat-cluster/contracts';
import type { Conversations, Settings } from '@chat-cluster/domain';
import { BLOCKS_CHANNEL, type EphemeralEmitter, type PubSub } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

/** A block was set or removed. `conversationId`: the direct conversation of the two users, if they have one. */
export interface BlockChange {
  userIds: [UserId, UserId];
  conversationId?: ConversationId;
}

export interface BlocksDeps extends Pick<PubSub, 'publisher' | 'subscriber'> {
  settings: Pick<Settings, 'setBlock' | 'blockedBy'>;
  conversations: Pick<Conversations, 'find'>;
  ephemeral: EphemeralEmitter;
  logger: Logger;
}

/**
 * Blocks between users. A change is stored. Then the devices of the user who made it are notified, and every gateway,
 * because gateways remember whether the participants of a conversation have blocked each other. A gateway that may have
 * missed a change forgets all of them.
 */
export class Blocks {
  readonly #deps: BlocksDeps;

  constructor(deps: BlocksDeps) {
    this.#deps = deps;
  }

  /** Calls `onChange` with every change of the cluster, and `onGap` when changes may have been missed. */
  follow(onChange: (change: BlockChange) => void, onGap: () => void): void {
    const { subscriber, logger } = this.#deps;
    subscriber.onGap(onGap);
    void subscriber.subscribe(BLOCKS_CHANNEL, (message) => {
      try {
        onChange(JSON.parse(message));
      } catch (err) {
        logger.error({ err }, 'blocks: a change was not applied');
      }
    });
  }

  /** Resolves when it is stored and announced. Rejections: VALIDATION_FAILED, LIMIT_EXCEEDED, UNAVAILABLE. */
  async set(userId: UserId, other: UserId, blocked: boolean): Promise<void> {
    const { settings, conversations, publisher, ephemeral } = this.#deps;
    if (userId === other) throw new Rejection('VALIDATION_FAILED', { message: 'userId: is your own id' });
    if (blocked) await this.#rejectBeyondLimit(userId, other);
    await settings.setBlock(userId, other, blocked);
    ephemeral.emit('block_changed', userId, { userId: other, blocked });
    const conversation = await conversations.find(userId, other);
    const change: BlockChange = {
      userIds: [userId, other],
      ...(conversation && { conversationId: conversation.id }),
    };
    await publisher.publish(BLOCKS_CHANNEL, JSON.stringify(change)).catch(() => {
      // The store has it, and a repetition announces it.
      throw new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
    });
  }

  list(userId: UserId): Promise<UserId[]> {
    return this.#deps.settings.blockedBy(userId);
  }

  async #rejectBeyondLimit(userId: UserId, other: UserId): Promise<void> {
    const blocked = await this.#deps.settings.blockedBy(userId);
    if (blocked.length < LIMITS.blocks || blocked.includes(other)) return;
    throw new Rejection('LIMIT_EXCEEDED', { message: `A user blocks at most ${LIMITS.blocks} users.` });
  }
}
