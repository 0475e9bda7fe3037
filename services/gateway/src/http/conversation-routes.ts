import {
  addMembersBody,
  type ConversationId,
  conversationId,
  createGroupBody,
  editMessageBody,
  emoji,
  type GroupChange,
  historyQuery,
  membersQuery,
  messagePath,
  parseOrReject,
  Rejection,
  reactionsQuery,
  readersQuery,
  renameGroupBody,
  setRoleBody,
  settingsBody,
  type UserId,
  userId as userIdSchema,
} from '@chat-cluster/contracts';
import { changeMessage, type GroupReads, readHistoryById, visibleMessage } from '@chat-cluster/domain';
import type { Request } from 'express';
import { z } from 'zod';
import type { Blocks } from '../blocks.ts';
import { editOf } from '../message-edit.ts';
import type { UserGroups } from '../user-groups.ts';
import type { UserSettings } from '../user-settings.ts';
import { readJson } from './json-body.ts';
import type { Route } from './router.ts';
import { type ApiDeps, userRoute } from './user-route.ts';

export interface ConversationRouteDeps extends ApiDeps {
  groupReads: GroupReads;
  groups: UserGroups;
  settings: Pick<UserSettings, 'setConversation'>;
  blocks: Pick<Blocks, 'set' | 'list'>;
}

const inConversation = z.object({ conversationId });
const memberPath = z.object({ conversationId, userId: userIdSchema });
const reactionPath = messagePath.extend({ emoji });
const userPath = z.object({ userId: userIdSchema });
const GROUP = '/api/groups/:conversationId';
const MESSAGE = '/api/messages/in/:conversationId/:seq';

/** Groups, changes of messages, receipts and settings. */
export function conversationRoutes(deps: ConversationRouteDeps): Route[] {
  return [...groupRoutes(deps), ...messageRoutes(deps), ...settingsRoutes(deps)];
}

function groupRoutes(deps: ConversationRouteDeps): Route[] {
  const { groups, groupReads } = deps;
  const change = async (by: UserId, id: ConversationId, wanted: GroupChange, changeId?: string) => ({
    body: await groups.change(by, id, wanted, changeId),
  });
  return [
    userRoute(deps, 'post', '/api/groups', async (userId, req) => {
      const group = parseOrReject(createGroupBody, await readJson(req));
      return { status: 201, body: await groups.create(userId, group) };
    }),
    userRoute(deps, 'get', GROUP, async (userId, req) => {
      const { conversationId: id } = parseOrReject(inConversation, req.params);
      return { body: found(await groupReads.group(userId, id)) };
    }),
    userRoute(deps, 'patch', GROUP, async (userId, req) => {
      const { conversationId: id } = parseOrReject(inConversation, req.params);
      const { title, changeId } = parseOrReject(renameGroupBody, await readJson(req));
      return change(userId, id, { type: 'rename', title }, changeId);
    }),
    userRoute(deps, 'get', `${GROUP}/members`, async (userId, req) => {
      const { conversationId: id } = parseOrReject(inConversation, req.params);
      const { limit, cursor } = parseOrReject(membersQuery, req.query);
      return { body: found(await groupReads.members(userId, id, limit, cursor)) };
    }),
    userRoute(deps, 'post', `${GROUP}/members`, async (userId, req) => {
      const { conversationId: id } = parseOrReject(inConversation, req.params);
      const { userIds, history, changeId } = parseOrReject(addMembersBody, await readJson(req));
      return change(userId, id, { type: 'add', userIds, history }, changeId);
    }),
    userRoute(deps, 'delete', `${GROUP}/members/:userId`, async (userId, req) => {
      const { conversationId: id, userId: member } = parseOrReject(memberPath, req.params);
      return change(userId, id, member === userId ? { type: 'leave' } : { type: 'remove', userId: member });
    }),
    userRoute(deps, 'put', `${GROUP}/members/:userId/role`, async (userId, req) => {
      const { conversationId: id, userId: member } = parseOrReject(memberPath, req.params);
      const { role, changeId } = parseOrReject(setRoleBody, await readJson(req));
      return change(userId, id, { type: 'role', userId: member, role }, changeId);
    }),
  ];
}

function messageRoutes(deps: ConversationRouteDeps): Route[] {
  const { groupReads } = deps;
  /** The message of the path, if the user can see it. */
  const visible = async (userId: UserId, req: Request) => {
    const at = parseOrReject(messagePath, req.params);
    return { ...at, message: await visibleMessage(deps, userId, at.conversationId, at.seq) };
  };
  const react = async (userId: UserId, req: Request, on: boolean) => {
    const { emoji: wanted, ...at } = parseOrReject(reactionPath, req.params);
    return { body: await changeMessage(deps, userId, at, { type: 'react', emoji: wanted, on }) };
  };
  return [
    userRoute(deps, 'get', '/api/messages/in/:conversationId', async (userId, req) => {
      const { conversationId: id } = parseOrReject(inConversation, req.params);
      const query = parseOrReject(historyQuery, req.query);
      // HEAD is a safe method: it changes nothing, with any query.
      if (req.method === 'HEAD') query.markAsRead = 'false';
      return { body: await readHistoryById(deps, userId, id, query) };
    }),
    userRoute(deps, 'patch', MESSAGE, async (userId, req) => {
      const at = parseOrReject(messagePath, req.params);
      const edit = parseOrReject(editMessageBody, await readJson(req));
      return { body: await changeMessage(deps, userId, at, editOf(edit)) };
    }),
    userRoute(deps, 'delete', MESSAGE, async (userId, req) => {
      const at = parseOrReject(messagePath, req.params);
      return { body: await changeMessage(deps, userId, at, { type: 'delete' }) };
    }),
    userRoute(deps, 'get', `${MESSAGE}/versions`, async (userId, req) => {
      const { conversationId: id, seq } = await visible(userId, req);
      return { body: { versions: await groupReads.versions(id, seq) } };
    }),
    userRoute(deps, 'get', `${MESSAGE}/reactions`, async (userId, req) => {
      const { emoji: wanted, limit } = parseOrReject(reactionsQuery, req.query);
      const { conversationId: id, seq } = await visible(userId, req);
      return { body: { userIds: await groupReads.reactors(id, seq, wanted, limit) } };
    }),
    userRoute(deps, 'put', `${MESSAGE}/reactions/:emoji`, (userId, req) => react(userId, req, true)),
    userRoute(deps, 'delete', `${MESSAGE}/reactions/:emoji`, (userId, req) => react(userId, req, false)),
    userRoute(deps, 'get', `${MESSAGE}/readers`, async (userId, req) => {
      const { limit } = parseOrReject(readersQuery, req.query);
      const { conversationId: id, seq, message } = await visible(userId, req);
      const head = found(await deps.history.head(userId, id));
      // Former members see their messages, not what happens to the members.
      if (head.group?.role === null) throw new Rejection('CONVERSATION_NOT_FOUND');
      if (head.group) return { body: await groupReads.readers(id, seq, limit) };
      const others = head.readMarks.filter((mark) => mark.userId !== message.senderId);
      const userIds = others.filter(({ upToSeq }) => upToSeq >= seq).map((mark) => mark.userId);
      return { body: { userIds, count: userIds.length, of: others.length } };
    }),
  ];
}

function settingsRoutes(deps: ConversationRouteDeps): Route[] {
  const { settings, blocks } = deps;
  const setBlock = async (userId: UserId, req: Request, blocked: boolean) => {
    const { userId: other } = parseOrReject(userPath, req.params);
    await blocks.set(userId, other, blocked);
    return { body: { userId: other, blocked } };
  };
  return [
    userRoute(deps, 'patch', '/api/conversations/:conversationId/settings', async (userId, req) => {
      const { conversationId: id } = parseOrReject(inConversation, req.params);
      const wanted = parseOrReject(settingsBody, await readJson(req));
      return { body: await settings.setConversation(userId, id, wanted) };
    }),
    userRoute(deps, 'get', '/api/blocks', async (userId) => ({ body: { userIds: await blocks.list(userId) } })),
    userRoute(deps, 'put', '/api/blocks/:userId', (userId, req) => setBlock(userId, req, true)),
    userRoute(deps, 'delete', '/api/blocks/:userId', (userId, req) => setBlock(userId, req, false)),
  ];
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Rejection('CONVERSATION_NOT_FOUND');
  return value;
}
