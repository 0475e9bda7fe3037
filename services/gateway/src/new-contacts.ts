import type { UserId } from '@chat-cluster/contracts';
import { LEFT_CHANNEL, newContactsChannel, type PubSub } from '@chat-cluster/redis';

/**
 * Signals between gateways that a user takes part in a new conversation, one channel per user. Only gateways on which
 * the user waits for a contact subscribe. A signal has no content and may be lost.
 */
export interface NewContacts {
  announce(userIds: readonly UserId[]): void;
  /** Calls `listener` after each signal for the user. A user has one listener. */
  follow(userId: UserId, listener: () => void): void;
  unfollow(userId: UserId): void;
}

/** Signals to all gateways that a user is no member of a group any more, so that some users may be no contacts. */
export interface LostContacts {
  announce(userId: UserId): void;
  follow(listener: (userId: UserId) => void): void;
}

export function createLostContacts({ publisher, subscriber }: Pick<PubSub, 'publisher' | 'subscriber'>): LostContacts {
  return {
    announce: (userId) => void publisher.publish(LEFT_CHANNEL, userId).catch(() => {}),
    follow: (listener) => void subscriber.subscribe(LEFT_CHANNEL, (userId) => listener(userId as UserId)),
  };
}

export function createNewContacts({ publisher, subscriber }: Pick<PubSub, 'publisher' | 'subscriber'>): NewContacts {
  return {
    announce(userIds) {
      for (const userId of userIds) publisher.publish(newContactsChannel(userId), '').catch(() => {});
    },
    follow: (userId, listener) => void subscriber.subscribe(newContactsChannel(userId), listener),
    unfollow: (userId) => void subscriber.unsubscribe(newContactsChannel(userId)),
  };
}
