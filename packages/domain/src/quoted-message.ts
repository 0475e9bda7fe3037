import {
  type ConversationId,
  LIMITS,
  type Message,
  Rejection,
  type ReplyTo,
  type UserId,
} from '@chat-cluster/contracts';
import type { History, RecentMessages } from './ports.ts';
import { readRange } from './read-range.ts';
import { isVisible, visibleIntervals } from './visible-entries.ts';

export interface VisibleMessagePorts {
  history: Pick<History, 'head' | 'range'>;
  recent: Pick<RecentMessages, 'range'>;
}

/** The quote of a reply. Rejections: those of {@link visibleMessage}. */
export async function quotedMessage(
  ports: VisibleMessagePorts,
  userId: UserId,
  id: ConversationId,
  seq: number,
): Promise<ReplyTo> {
  const { senderId, content } = await visibleMessage(ports, userId, id, seq);
  return { seq, senderId, text: content === null ? null : firstCharacters(content) };
}

/**
 * A message that the user can see. Rejections: CONVERSATION_NOT_FOUND; MESSAGE_NOT_FOUND when there is none, it was
 * deleted, or it is an entry about the group.
 */
export async function visibleMessage(
  { history, recent }: VisibleMessagePorts,
  userId: UserId,
  id: ConversationId,
  seq: number,
): Promise<Message> {
  const head = await history.head(userId, id);
  if (!head) throw new Rejection('CONVERSATION_NOT_FOUND');
  if (!isVisible(visibleIntervals(head.group?.windows, head.lastSeq), seq)) throw new Rejection('MESSAGE_NOT_FOUND');
  const [message] = await readRange({ history, recent }, id, { fromSeq: seq, toSeq: seq }, () => undefined);
  if (!message || message.deletedAt !== undefined || message.system) throw new Rejection('MESSAGE_NOT_FOUND');
  return message;
}

/** At most LIMITS.replyTextLength UTF-16 code units, without half of a character at the end. */
function firstCharacters(text: string): string {
  const cut = text.slice(0, LIMITS.replyTextLength);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}
