import { createHash } from 'node:crypto';
import {
  type ConversationId,
  type Group,
  type GroupChange,
  type GroupChangeEntry,
  Rejection,
  type UserId,
} from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from './ids.ts';
import { errorOf } from './message.ts';
import type { Conversations, Inbox } from './ports.ts';
import { conversationOf } from './submit-message.ts';

export interface NewGroup {
  title: string;
  /** The other members. */
  userIds: readonly UserId[];
  changeId?: string | undefined;
}

/**
 * Creates a group, and resolves after the commit with the group as its owner sees it. With a `changeId` a repetition, on
 * any gateway, finds the group of the first request. Rejections: those of {@link Inbox.submit}, and LIMIT_EXCEEDED.
 */
export function createGroup(
  { inbox }: { inbox: Inbox },
  ownerId: UserId,
  { title, userIds, changeId }: NewGroup,
): Promise<Group> {
  const conversationId = changeId === undefined ? newConversationId() : groupIdOf(ownerId, changeId);
  const others = [...new Set(userIds)].filter((userId) => userId !== ownerId);
  return submit(inbox, conversationId, ownerId, { type: 'create', title, userIds: others }, changeId);
}

/**
 * Changes a group, and resolves after the commit with the group as `by` sees it. The lane checks the role. A repetition
 * with the same `changeId` changes nothing. Rejections: those of {@link Inbox.submit}, CONVERSATION_NOT_FOUND,
 * VALIDATION_FAILED (a direct conversation), FORBIDDEN, MEMBER_NOT_FOUND, LIMIT_EXCEEDED.
 */
export async function changeGroup(
  { conversations, inbox }: { conversations: Pick<Conversations, 'participantsOf'>; inbox: Inbox },
  by: UserId,
  id: ConversationId,
  change: GroupChange,
  changeId?: string,
): Promise<Group> {
  const conversation = await conversationOf(conversations, id, by);
  if (conversation.kind === 'direct') {
    throw new Rejection('VALIDATION_FAILED', { message: 'conversationId: is a direct conversation, not a group' });
  }
  return submit(inbox, id, by, change, changeId);
}

async function submit(
  inbox: Inbox,
  conversationId: ConversationId,
  by: UserId,
  change: GroupChangeEntry['change'],
  changeId: string | undefined,
): Promise<Group> {
  const id = newMessageId();
  const result = await inbox.submit({
    kind: 'group_change',
    id,
    conversationId,
    by,
    changeId: changeId ?? id,
    change,
  });
  if (result.kind !== 'group_changed') throw errorOf(result);
  return result.group;
}

/** The id of the group that the user creates with this change: a UUID of version 8, from a hash. */
function groupIdOf(ownerId: UserId, changeId: string): ConversationId {
  const bytes = createHash('sha256')
    .update(JSON.stringify([ownerId, changeId]))
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-') as ConversationId;
}
