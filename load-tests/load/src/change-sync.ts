import type { ConversationId, MessageChanged } from '@chat-cluster/contracts';
import type { LeanDevice } from '@chat-cluster/testkit/lean-client';
import type { ConversationSide } from './conversation-checker.ts';

interface Device extends Pick<LeanDevice, 'core'> {
  readonly conversations: ReadonlyMap<ConversationId, ConversationSide>;
  /** Time of the last event or request that may change the badge. */
  changedAt: number;
}

/** A device receives an event of a changed message. */
export function takeChange(device: Device, change: MessageChanged): void {
  device.changedAt = performance.now();
  const { conversationId, seq, deleted } = change;
  const conversation = device.conversations.get(conversationId);
  if (!conversation) return;
  const { checker, side } = conversation;
  if (deleted) checker.delete(seq);
  // As the library does: the missing change may be under way.
  if (!checker.changes.event(checker.participant(side), change)) device.core.sync.check(conversationId, true);
}

/** The changes of messages in the syncs of a device: requests those that it missed, and takes them in. */
export function changeSync({ conversations, core }: Device): NonNullable<Device['core']['extension']> {
  return {
    requested(id) {
      const conversation = conversations.get(id);
      return conversation ? { afterRev: conversation.checker.participant(conversation.side).rev } : {};
    },
    shows({ id }, entry) {
      const conversation = conversations.get(id);
      if (!conversation) return;
      const { checker, side } = conversation;
      const participant = checker.participant(side);
      const { lastRev = 0 } = entry;
      if (!('messages' in entry)) {
        if (lastRev > participant.rev) core.sync.check(id, true);
        return;
      }
      for (const { seq, deletedAt } of entry.changed ?? []) if (deletedAt !== undefined) checker.delete(seq);
      checker.changes.synced(participant, lastRev);
      if (entry.hasMoreChanges) core.sync.check(id);
    },
  };
}
