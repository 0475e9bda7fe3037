import {
  addMembersBody,
  type ConversationId,
  conversationId,
  createGroupBody,
  type Group,
  type GroupChange,
  HTTP_STATUS,
  parseOrReject,
  Rejection,
  toErrorPayload,
  type UserId,
  userId,
} from '@chat-cluster/contracts';
import { type Conversations, changeGroup, createGroup, type Inbox } from '@chat-cluster/domain';
import type { Logger, OpsAction } from '@chat-cluster/runtime';
import { z } from 'zod';

const newGroup = z.strictObject({ ...createGroupBody.shape, ownerId: userId });
const members = z
  .strictObject({
    conversationId,
    add: z.strictObject(addMembersBody.omit({ changeId: true }).shape).optional(),
    remove: userId.optional(),
  })
  .refine(({ add, remove }) => (add === undefined) !== (remove === undefined), 'give add or remove');

export interface GroupsAsServerDeps {
  conversations: Pick<Conversations, 'participantsOf'>;
  inbox: Inbox;
  /** An owner of the group, if possible another user than `except`; undefined if it has none. */
  ownerOf(id: ConversationId, except?: UserId): Promise<UserId | undefined>;
  /** Signals to users that they may have new contacts. */
  announce(userIds: readonly UserId[]): void;
  /** Signals that a user has left a group, or was removed. */
  announceLeft(userId: UserId): void;
  logger: Logger;
}

/**
 * Actions of the admin listener, whatever OPEN_CONVERSATIONS is: create a group for its owner, and add or remove members
 * in the name of an owner.
 */
export function groupsAsServer(deps: GroupsAsServerDeps): { create: OpsAction; changeMembers: OpsAction } {
  return {
    create: actionOf(deps.logger, async (body) => {
      const { ownerId, ...group } = parseOrReject(newGroup, body);
      const created = await createGroup(deps, ownerId, group);
      deps.announce([ownerId, ...group.userIds]);
      return { status: 201, body: created };
    }),
    changeMembers: actionOf(deps.logger, async (body) => {
      const { conversationId: id, add, remove } = parseOrReject(members, body);
      const by = await deps.ownerOf(id, remove);
      if (by === undefined) throw new Rejection('CONVERSATION_NOT_FOUND');
      const group = await changeGroup(deps, by, id, changeOf(by, add, remove));
      if (add) deps.announce([by, ...add.userIds]);
      if (remove !== undefined) deps.announceLeft(remove);
      return { status: 200, body: group };
    }),
  };
}

function changeOf(by: UserId, add: z.output<typeof members>['add'], remove: UserId | undefined): GroupChange {
  if (add) return { type: 'add', ...add };
  return remove === undefined || remove === by ? { type: 'leave' } : { type: 'remove', userId: remove };
}

function actionOf(logger: Logger, act: (body: unknown) => Promise<{ status: number; body: Group }>): OpsAction {
  return async (body) => {
    try {
      return await act(body);
    } catch (error) {
      if (!(error instanceof Rejection)) logger.error({ err: error }, 'groups: a fault');
      const payload = toErrorPayload(error);
      return { status: HTTP_STATUS[payload.code], body: { error: payload } };
    }
  };
}
