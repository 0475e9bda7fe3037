import type { Entry, EntryResult, UserId } from '@chat-cluster/contracts';
import { type Conversations, type Inbox, newConversationId, type Participants } from '@chat-cluster/domain';

/** Conversations between exactly these users. */
export function conversationsAmong(...known: Participants[]): Conversations {
  return {
    participantsOf: async (id) => known.find((participants) => participants.conversationId === id),
    open: () => Promise.reject(new Error('not asked for')),
  };
}

export function conversation(...userIds: [UserId] | [UserId, UserId]): Participants {
  return { conversationId: newConversationId(), userIds };
}

/** An inbox that keeps what was submitted and answers as told. */
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

/** What the promise was rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it resolved');
    },
    (error: unknown) => error,
  );
}
