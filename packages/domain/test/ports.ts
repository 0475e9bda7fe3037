import type { Entry, EntryResult, UserId } from '@chat-cluster/contracts';
import {
  type Conversations,
  type DirectConversation,
  type Inbox,
  newConversationId,
  QuoteOrder,
} from '@chat-cluster/domain';

/** A Conversations port that has exactly these conversations. */
export function conversationsAmong(...known: DirectConversation[]): Conversations {
  return {
    participantsOf: async (id, userId) =>
      known.find(({ conversationId, userIds }) => conversationId === id && userIds.some((one) => one === userId)),
    open: () => Promise.reject(new Error('unexpected call')),
    find: () => Promise.reject(new Error('unexpected call')),
  };
}

export function conversation(...userIds: [UserId] | [UserId, UserId]): DirectConversation {
  return { kind: 'direct', conversationId: newConversationId(), userIds, isBlocked: false };
}

/** What submitMessage needs beside an inbox, for drafts that are no replies. */
export const noReplies = {
  quotes: new QuoteOrder(),
  history: { head: unexpected, range: unexpected, sent: unexpected },
  recent: { range: unexpected },
};

/** Reads of messages without reactions and changes. */
export const noReactions = { groupReads: { ownReactions: unexpected, changes: unexpected } };

function unexpected(): Promise<never> {
  return Promise.reject(new Error('unexpected call'));
}

/** An inbox that records submitted entries and returns the result of `answer`. */
export function inboxAnswering(answer: (entry: Entry) => EntryResult | Promise<EntryResult>) {
  const submitted: Entry[] = [];
  const inbox: Inbox = {
    async submit(entry) {
      submitted.push(entry);
      return answer(entry);
    },
  };
  return { inbox, submitted };
}

/** The error with which the promise is rejected. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('the promise resolved');
    },
    (error: unknown) => error,
  );
}
