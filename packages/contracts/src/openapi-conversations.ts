import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject, ZodOpenApiResponseObject } from 'zod-openapi';
import type { ErrorCode } from './errors.ts';
import { httpExamples } from './examples.ts';
import {
  addMembersBody,
  blocksPage,
  conversationSettings,
  createGroupBody,
  group,
  membersPage,
  renameGroupBody,
  setRoleBody,
  settingsBody,
} from './group.ts';
import {
  blockState,
  editMessageBody,
  historyPage,
  historyQuery,
  membersQuery,
  messagePath,
  reactionsQuery,
  reactorsPage,
  readersPage,
  readersQuery,
  versionsPage,
} from './http.ts';
import { conversationId, userId } from './ids.ts';
import { emoji, message } from './message.ts';
import { errors, invalidBodies, json } from './openapi-parts.ts';

/** The operations of groups, of changes of messages, of receipts and of settings. */

const inConversation = z.object({ conversationId });
const member = z.object({ conversationId, userId });
const reactionPath = messagePath.extend({ emoji });
const one = (response: ZodOpenApiResponseObject) => ({ '200': response });

/** An operation, with the errors of every request, and `more`. */
function operation(
  operationId: string,
  tag: 'Groups' | 'Messages' | 'Settings',
  summary: string,
  responses: Record<string, ZodOpenApiResponseObject>,
  more: ErrorCode[],
  rest: Omit<ZodOpenApiOperationObject, 'responses'>,
): ZodOpenApiOperationObject {
  const all = { ...responses, ...errors('VALIDATION_FAILED', 'RATE_LIMITED', ...more) };
  return {
    operationId,
    tags: [tag],
    summary,
    ...rest,
    responses: rest.requestBody ? { ...all, ...invalidBodies } : all,
  };
}

function body(schema: z.ZodType, example: object) {
  return { requestBody: { required: true, content: { 'application/json': { schema, example } } } };
}

const groupAfter = json('The group after the change', group, { group: httpExamples.group });
/** Errors of a change that passes through the lane of the conversation. */
const CHANGE: ErrorCode[] = ['CONVERSATION_NOT_FOUND', 'FORBIDDEN', 'OVERLOADED'];
const reacted = one(json('The message after the change', message, { reacted: httpExamples.reactedMessage }));

export const conversationPaths: ZodOpenApiPathsObject = {
  '/api/groups': {
    post: operation(
      'createGroup',
      'Groups',
      'Create a group',
      {
        '201': json('The group, also when an earlier request with this `changeId` created it', group, {
          group: httpExamples.group,
        }),
      },
      ['FORBIDDEN', 'LIMIT_EXCEEDED', 'OVERLOADED'],
      {
        description: 'You are its owner. FORBIDDEN on a server with `OPEN_CONVERSATIONS=server`.',
        ...body(createGroupBody, httpExamples.createGroupBody),
      },
    ),
  },
  '/api/groups/{conversationId}': {
    get: operation(
      'getGroup',
      'Groups',
      'A group as I see it',
      one(json('The group', group, { group: httpExamples.group })),
      ['CONVERSATION_NOT_FOUND'],
      { requestParams: { path: inConversation } },
    ),
    patch: operation('renameGroup', 'Groups', 'Change the title', one(groupAfter), CHANGE, {
      requestParams: { path: inConversation },
      ...body(renameGroupBody, httpExamples.renameGroupBody),
    }),
  },
  '/api/groups/{conversationId}/members': {
    get: operation(
      'listMembers',
      'Groups',
      'The members, in the order of their ids',
      one(json('A page', membersPage, { page: httpExamples.membersPage })),
      ['CONVERSATION_NOT_FOUND'],
      { requestParams: { path: inConversation, query: membersQuery } },
    ),
    post: operation('addMembers', 'Groups', 'Add members', one(groupAfter), [...CHANGE, 'LIMIT_EXCEEDED'], {
      description:
        '`history`: which earlier messages they see. FORBIDDEN on a server with `OPEN_CONVERSATIONS=server`.',
      requestParams: { path: inConversation },
      ...body(addMembersBody, httpExamples.addMembersBody),
    }),
  },
  '/api/groups/{conversationId}/members/{userId}': {
    delete: operation(
      'removeMember',
      'Groups',
      'Remove a member, or leave',
      one(groupAfter),
      [...CHANGE, 'MEMBER_NOT_FOUND'],
      {
        description: 'With your own id you leave the group, and keep the messages that you could see.',
        requestParams: { path: member },
      },
    ),
  },
  '/api/groups/{conversationId}/members/{userId}/role': {
    put: operation(
      'setRole',
      'Groups',
      'Change the role of a member',
      one(groupAfter),
      [...CHANGE, 'MEMBER_NOT_FOUND'],
      {
        requestParams: { path: member },
        ...body(setRoleBody, httpExamples.setRoleBody),
      },
    ),
  },
  '/api/messages/in/{conversationId}': {
    get: operation(
      'readHistoryById',
      'Messages',
      'A conversation by its id, page by page',
      one(json('A page', historyPage, { page: httpExamples.groupHistoryPage })),
      ['CONVERSATION_NOT_FOUND', 'OVERLOADED'],
      {
        description:
          'As `/api/messages/with/{otherUserId}`, for both kinds of conversations. Entries of a group that you may not ' +
          'see are left out.',
        requestParams: { path: inConversation, query: historyQuery },
      },
    ),
  },
  '/api/messages/in/{conversationId}/{seq}': {
    patch: operation(
      'editMessage',
      'Messages',
      'Edit a message',
      one(json('The message after the change', message, { edited: httpExamples.editedMessage })),
      [...CHANGE, 'MESSAGE_NOT_FOUND', 'TOO_LATE'],
      { requestParams: { path: messagePath }, ...body(editMessageBody, httpExamples.editMessageBody) },
    ),
    delete: operation(
      'deleteMessage',
      'Messages',
      'Delete a message for everyone',
      one(json('The message after the change', message)),
      [...CHANGE, 'MESSAGE_NOT_FOUND', 'TOO_LATE'],
      { requestParams: { path: messagePath } },
    ),
  },
  '/api/messages/in/{conversationId}/{seq}/versions': {
    get: operation(
      'listVersions',
      'Messages',
      'The texts of a message before its edits',
      one(json('The versions, oldest first', versionsPage, { versions: httpExamples.versions })),
      ['CONVERSATION_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
      { requestParams: { path: messagePath } },
    ),
  },
  '/api/messages/in/{conversationId}/{seq}/reactions': {
    get: operation(
      'listReactors',
      'Messages',
      'The users who reacted with an emoji',
      one(json('The first users', reactorsPage, { reactors: httpExamples.reactors })),
      ['CONVERSATION_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
      { requestParams: { path: messagePath, query: reactionsQuery } },
    ),
  },
  '/api/messages/in/{conversationId}/{seq}/reactions/{emoji}': {
    put: operation(
      'setReaction',
      'Messages',
      'React to a message',
      reacted,
      [...CHANGE, 'MESSAGE_NOT_FOUND', 'LIMIT_EXCEEDED'],
      {
        description: 'Idempotent.',
        requestParams: { path: reactionPath },
      },
    ),
    delete: operation('clearReaction', 'Messages', 'Remove my reaction', reacted, [...CHANGE, 'MESSAGE_NOT_FOUND'], {
      description: 'Idempotent.',
      requestParams: { path: reactionPath },
    }),
  },
  '/api/messages/in/{conversationId}/{seq}/readers': {
    get: operation(
      'listReaders',
      'Messages',
      'The members who have read a message',
      one(json('Their number, and the first of them', readersPage, { readers: httpExamples.readers })),
      ['CONVERSATION_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
      { requestParams: { path: messagePath, query: readersQuery } },
    ),
  },
  '/api/conversations/{conversationId}/settings': {
    patch: operation(
      'changeSettings',
      'Settings',
      'Mute, archive or mark a conversation as unread',
      one(json('All settings of the conversation', conversationSettings, { settings: httpExamples.settings })),
      ['CONVERSATION_NOT_FOUND'],
      { requestParams: { path: inConversation }, ...body(settingsBody, httpExamples.settingsBody) },
    ),
  },
  '/api/blocks': {
    get: operation(
      'listBlocks',
      'Settings',
      'The users that I have blocked',
      one(json('All of them', blocksPage, { blocks: httpExamples.blocks })),
      [],
      {},
    ),
  },
  '/api/blocks/{userId}': {
    put: operation(
      'block',
      'Settings',
      'Block a user',
      one(json('Blocked', blockState, { blocked: httpExamples.blockState })),
      ['LIMIT_EXCEEDED'],
      {
        description: 'No direct messages, presence or typing in either direction. Groups are unaffected. Idempotent.',
        requestParams: { path: z.object({ userId }) },
      },
    ),
    delete: operation('unblock', 'Settings', 'Unblock a user', one(json('Not blocked', blockState)), [], {
      description: 'Idempotent.',
      requestParams: { path: z.object({ userId }) },
    }),
  },
};
