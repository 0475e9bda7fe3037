import { type ConversationId, conversationId, type MessageView, messageId, Rejection } from '@chat-cluster/contracts';
import type { ConversationState, OperatorQueries, StoredMessage } from '@chat-cluster/postgres';
import { inboxLane, type LaneServer, laneNumberOf, serverOf } from '@chat-cluster/queue';
import { withDeadline } from '@chat-cluster/runtime';
import { readLane } from '../overview/lanes.ts';

/** Time limit for the queries, in ms. */
const DEADLINE_MS = 5_000;

export interface MessageDeps {
  queries: OperatorQueries;
  queues: readonly LaneServer[];
  config: { LANES: number };
}

/** A message or a conversation by its id, without content. Rejects with NOT_FOUND if there is neither. */
export async function viewMessage(deps: MessageDeps, text: string): Promise<MessageView> {
  const id = conversationId.safeParse(text);
  if (!id.success) throw new Rejection('VALIDATION_FAILED', { message: 'id: must be a UUID' });
  const { conversation, message, of } = await withDeadline(find(deps.queries, id.data), DEADLINE_MS, 'message');
  const laneNumber = laneNumberOf(of, deps.config.LANES);
  const lane = inboxLane(laneNumber);
  const { worker } = await readLane(lane, serverOf(laneNumber, deps.queues));
  return {
    of: message ? 'message' : 'conversation',
    conversationId: of,
    participantIds: conversation.participants.map(({ userId }) => userId),
    lastSeq: conversation.lastSeq,
    lane,
    ...(worker === undefined ? {} : { worker }),
    ...(message && { message: messageOf(message, conversation) }),
  };
}

interface Found {
  of: ConversationId;
  conversation: ConversationState;
  message?: StoredMessage;
}

async function find(queries: OperatorQueries, id: ConversationId): Promise<Found> {
  const conversation = await queries.conversation(id);
  if (conversation) return { of: id, conversation };
  const message = await queries.message(messageId.parse(id));
  const around = message && (await queries.conversation(message.conversationId));
  if (!around) {
    throw new Rejection('NOT_FOUND', { message: 'There is no stored message and no conversation with this id.' });
  }
  return { of: message.conversationId, conversation: around, message };
}

function messageOf(message: StoredMessage, { participants }: ConversationState): NonNullable<MessageView['message']> {
  const { id, seq, senderId, clientMessageId, storedAt } = message;
  const readers = participants.filter(({ userId, readSeq }) => userId !== senderId && readSeq >= seq);
  return {
    ...{ id, seq, senderId, clientMessageId },
    storedAt: storedAt.getTime(),
    readBy: readers.map(({ userId }) => userId),
  };
}
