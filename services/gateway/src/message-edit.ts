import type { MessageChangeEntry, UserId } from '@chat-cluster/contracts';
import { newMessageId } from '@chat-cluster/domain';

export interface Edit {
  content: string | null;
  mentions?: UserId[] | undefined;
  changeId?: string | undefined;
}

/** The change of an edit. The schemas of the edge ensure that it has a text. Without a `changeId` it gets a new one. */
export function editOf({ content, mentions, changeId = newMessageId() }: Edit): MessageChangeEntry['change'] {
  return { type: 'edit', changeId, content: content ?? '', ...(mentions && { mentions: [...new Set(mentions)] }) };
}
