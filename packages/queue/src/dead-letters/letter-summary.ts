import type { Entry } from '@chat-cluster/contracts';
import type { DeadLetter } from '@chat-cluster/domain';

/** A dead letter without the content of its entry. The ids are absent when the entry does not have them. */
export interface LetterSummary extends Omit<DeadLetter, 'entry'> {
  kind: Entry['kind'] | 'unreadable';
  conversationId?: string;
  /** The sender of the message, its reader, or the user who made the change. */
  userId?: string;
  clientMessageId?: string;
}

export function summaryOf({ entry, ...letter }: DeadLetter): LetterSummary {
  const content = JSON.parse(entry) as { [key: string]: unknown } | null;
  const kind = KINDS.find((one) => one === content?.kind) ?? 'unreadable';
  const ids = {
    conversationId: content?.conversationId,
    userId: content?.senderId ?? content?.userId ?? content?.by,
    clientMessageId: content?.clientMessageId ?? content?.changeId,
  };
  // Anything may be in a letter: an id that is too long could be content.
  const known = Object.entries(ids).filter(([, id]) => typeof id === 'string' && id.length <= MAX_ID_LENGTH);
  return { ...letter, kind, ...Object.fromEntries(known) };
}

const KINDS: readonly Entry['kind'][] = ['send', 'read', 'group_send', 'group_read', 'group_change', 'message_change'];

/** Longer than every valid id. */
const MAX_ID_LENGTH = 128;
