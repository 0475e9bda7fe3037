/*
 * The examples of both documents. They are one short story, hence one long file of data: alice opens a conversation
 * with bob and invites him to lunch; bob reads it and replies with the menu. The compiler requires an example here for
 * each event and each ack, and tests compare them with the schemas.
 */
import type { z } from 'zod';
import type { clientAcks } from './client-acks.ts';
import type { clientEvents } from './client-events.ts';
import { type ErrorCode, Rejection } from './errors.ts';
import type { blocksPage, group, membersPage } from './group.ts';
import type {
  blockState,
  conversation,
  conversationsPage,
  historyPage,
  openConversationBody,
  Problem,
  reactorsPage,
  readersPage,
  versionsPage,
} from './http.ts';
import type { message } from './message.ts';
import type { serverEvents } from './server-events.ts';

/** One example of an event, ack or route. */
export interface Example<T = unknown> {
  /** Machine name, unique among the examples of the same event or ack. */
  name: string;
  summary: string;
  value: T;
}

type ExamplesOf<Table extends Record<string, z.ZodType>> = {
  [Row in keyof Table]: [Example<z.input<Table[Row]>>, ...Example<z.input<Table[Row]>>[]];
};

const conversationId = '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10';

const epoch = '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c11';

const lunch: z.input<typeof message> = {
  id: '01926b3a-8a57-7a10-8f6c-5d2f6a7b9c01',
  conversationId,
  seq: 1,
  senderId: 'alice',
  receiverId: 'bob',
  clientMessageId: 'b7d6a1f0-3c55-4c0e-a0a5-0d7f3f0c9e11',
  content: 'Hi Bob, lunch at noon?',
  attachments: [],
  isRead: false,
  createdAt: '2026-01-01T12:00:00.000Z',
};

const menu: z.input<typeof message> = {
  id: '01926b3a-9d02-7c44-b1aa-6f0e2d3c4b02',
  conversationId,
  seq: 2,
  senderId: 'bob',
  receiverId: 'alice',
  clientMessageId: '5f0c2f1e-7f0b-4a52-8d0f-2f8f3e1b6a22',
  content: 'Yes! Here is the menu.',
  attachments: [{ url: 'https://files.example.com/menu.pdf', type: 'PDF' }],
  isRead: false,
  createdAt: '2026-01-01T12:00:09.000Z',
};

const groupId = '01926b3b-1d20-7a44-8a10-2f5d7c9e1a30';

const lunchGroup: z.input<typeof group> = {
  id: groupId,
  kind: 'group',
  title: 'Lunch',
  role: 'owner',
  memberCount: 3,
  windows: [{ fromSeq: 1, toSeq: null }],
  createdAt: '2026-01-01T12:05:00.000Z',
  lastSeq: 1,
};

const ofMember = { title: 'Lunch', memberCount: 3, windows: [{ fromSeq: 1, toSeq: null }] };

const created: z.input<typeof message> = {
  id: '01926b3b-1d21-7b10-9c01-7a1f3e5d9b03',
  conversationId: groupId,
  seq: 1,
  senderId: 'alice',
  clientMessageId: 'c-17',
  content: null,
  attachments: [],
  isRead: false,
  createdAt: '2026-01-01T12:05:00.000Z',
  system: { type: 'created', title: 'Lunch', userIds: ['bob', 'carol'] },
};

const lunchEdited: z.input<typeof message> = {
  ...lunch,
  content: 'Hi Bob, lunch at one?',
  editedAt: '2026-01-01T12:01:00.000Z',
  rev: 1,
};

const menuWithReaction: z.input<typeof message> = {
  ...menu,
  reactions: [{ emoji: '👍', count: 1, mine: true }],
  rev: 2,
};

const unmuted = { muted: false, archived: false, markedUnread: false };

const firstSince = 'NWIwZjRhNTItNmYwZS00ZDQzLTlmMGEtMGQ5ZjRiMWQ3YzExLjE3NjcyNjg3NDAwMDA';

const rejected = { name: 'rejected', summary: 'Rejected: nothing was stored' };

export const clientEventExamples: ExamplesOf<typeof clientEvents> = {
  send_message: [
    {
      name: 'text',
      summary: 'alice invites bob to lunch',
      value: { conversationId, content: 'Hi Bob, lunch at noon?', clientMessageId: lunch.clientMessageId },
    },
    {
      name: 'attachment',
      summary: 'bob replies with the menu',
      value: {
        conversationId,
        content: 'Yes! Here is the menu.',
        attachments: [{ url: 'https://files.example.com/menu.pdf', type: 'PDF' }],
        clientMessageId: menu.clientMessageId,
      },
    },
  ],
  edit_message: [
    {
      name: 'corrected',
      summary: 'alice corrects the time',
      value: { conversationId, seq: 1, content: 'Hi Bob, lunch at one?', changeId: 'c-16' },
    },
  ],
  delete_message: [
    { name: 'deleted', summary: 'alice deletes her message for both', value: { conversationId, seq: 1 } },
  ],
  set_reaction: [
    { name: 'set', summary: 'alice likes the menu', value: { conversationId, seq: 2, emoji: '👍', on: true } },
    { name: 'cleared', summary: 'alice takes it back', value: { conversationId, seq: 2, emoji: '👍', on: false } },
  ],
  mark_delivered: [
    {
      name: 'delivered',
      summary: 'A device of bob has the first message',
      value: { conversations: [{ id: conversationId, upToSeq: 1 }] },
    },
  ],
  create_group: [
    {
      name: 'lunch',
      summary: 'alice creates a group',
      value: { title: 'Lunch', userIds: ['bob', 'carol'], changeId: 'c-17' },
    },
  ],
  change_group: [
    {
      name: 'renamed',
      summary: 'alice renames the group',
      value: { conversationId: groupId, change: { type: 'rename', title: 'Dinner' }, changeId: 'c-18' },
    },
    {
      name: 'added',
      summary: 'alice adds dave, who sees all earlier messages',
      value: { conversationId: groupId, change: { type: 'add', userIds: ['dave'], history: 'all' } },
    },
    {
      name: 'left',
      summary: 'bob leaves',
      value: { conversationId: groupId, change: { type: 'leave' } },
    },
  ],
  set_conversation: [
    {
      name: 'muted',
      summary: 'bob mutes the group',
      value: { conversationId: groupId, settings: { muted: true } },
    },
  ],
  set_block: [{ name: 'blocked', summary: 'alice blocks mallory', value: { userId: 'mallory', blocked: true } }],
  read_messages: [
    { name: 'upToSeq', summary: 'bob has read up to the first message', value: { conversationId, upToSeq: 1 } },
    { name: 'everything', summary: 'alice has read everything so far', value: { conversationId } },
  ],
  sync: [
    {
      name: 'reconnected',
      summary: 'alice reconnects; her device has everything up to her own message',
      value: { conversations: [{ id: conversationId, afterSeq: 1 }] },
    },
    {
      name: 'changes',
      summary: 'Also requests the changes of messages that the device has',
      value: { conversations: [{ id: conversationId, afterSeq: 2, afterRev: 0 }] },
    },
    { name: 'fresh', summary: 'A new device requests the unread counts', value: { conversations: [] } },
    {
      name: 'begins a feed',
      summary: 'A new device requests a `since`, then loads the list of conversations',
      value: { conversations: [], since: 'now' },
    },
    {
      name: 'feed',
      summary: 'alice reconnects; her device requests the conversations with activity since its last `sync`',
      value: { conversations: [], since: firstSince },
    },
  ],
  watch_presence: [{ name: 'list', summary: 'alice opens her list of chats', value: { userIds: ['bob', 'carol'] } }],
  unwatch_presence: [{ name: 'scrolled', summary: 'carol left the screen of alice', value: { userIds: ['carol'] } }],
  typing: [
    { name: 'begins', summary: 'bob is typing; repeated every 3 s', value: { conversationId, typing: true } },
    { name: 'ends', summary: 'bob has stopped', value: { conversationId, typing: false } },
  ],
  refresh_token: [
    {
      name: 'renewed',
      summary: 'alice continues with a new JWT (shortened)',
      value: { token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln' },
    },
  ],
};

export const clientAckExamples: ExamplesOf<typeof clientAcks> = {
  send_message: [
    { name: 'stored', summary: 'Stored', value: { ok: true, message: lunch, duplicate: false } },
    {
      name: 'resent',
      summary: 'A resend after a lost ack: the first result again',
      value: { ok: true, message: lunch, duplicate: true },
    },
    { ...rejected, value: { ok: false, error: new Rejection('CONVERSATION_NOT_FOUND').payload } },
  ],
  edit_message: [
    { name: 'edited', summary: 'The message after the edit', value: { ok: true, message: lunchEdited } },
    {
      name: 'late',
      summary: 'The time for edits is over: nothing changes',
      value: { ok: false, error: new Rejection('TOO_LATE').payload },
    },
  ],
  delete_message: [
    {
      name: 'deleted',
      summary: 'The message without its content',
      value: {
        ok: true,
        message: { ...lunch, content: null, deletedAt: '2026-01-01T12:02:00.000Z', deletedBy: 'alice', rev: 2 },
      },
    },
    { ...rejected, value: { ok: false, error: new Rejection('MESSAGE_NOT_FOUND').payload } },
  ],
  set_reaction: [
    { name: 'set', summary: 'The message with all its reactions', value: { ok: true, message: menuWithReaction } },
    { ...rejected, value: { ok: false, error: new Rejection('LIMIT_EXCEEDED').payload } },
  ],
  mark_delivered: [{ name: 'done', summary: 'Marks that do not move forward change nothing', value: { ok: true } }],
  create_group: [
    { name: 'created', summary: 'The group', value: { ok: true, group: lunchGroup } },
    { ...rejected, value: { ok: false, error: new Rejection('LIMIT_EXCEEDED').payload } },
  ],
  change_group: [
    {
      name: 'renamed',
      summary: 'The group after the change',
      value: { ok: true, group: { ...lunchGroup, title: 'Dinner', lastSeq: 2 } },
    },
    {
      name: 'forbidden',
      summary: 'bob is no admin',
      value: {
        ok: false,
        error: new Rejection('FORBIDDEN', { message: 'Only owners and admins may do this.' }).payload,
      },
    },
  ],
  set_conversation: [
    { name: 'muted', summary: 'All settings', value: { ok: true, settings: { ...unmuted, muted: true } } },
    { ...rejected, value: { ok: false, error: new Rejection('CONVERSATION_NOT_FOUND').payload } },
  ],
  set_block: [
    { name: 'done', summary: 'Also if it was so before', value: { ok: true } },
    { ...rejected, value: { ok: false, error: new Rejection('UNAVAILABLE').payload } },
  ],
  read_messages: [
    {
      name: 'read',
      summary: 'The read mark has moved',
      value: { ok: true, conversationId, upToSeq: 1, unread: { count: 0 } },
    },
    { ...rejected, value: { ok: false, error: new Rejection('UNAVAILABLE').payload } },
  ],
  sync: [
    {
      name: 'missed',
      summary: 'bob has read the message of alice and replied',
      value: {
        ok: true,
        epoch,
        conversations: [
          {
            id: conversationId,
            messages: [menu],
            lastSeq: 2,
            hasMore: false,
            readMarks: [
              { userId: 'alice', upToSeq: 0, readAt: null },
              { userId: 'bob', upToSeq: 1, readAt: '2026-01-01T12:00:05.000Z' },
            ],
          },
        ],
        notFound: [],
        hasMore: false,
        unread: { count: 1, conversations: [{ conversationId, count: 1 }] },
      },
    },
    {
      name: 'changes',
      summary: 'alice has corrected the first message',
      value: {
        ok: true,
        epoch,
        conversations: [
          {
            id: conversationId,
            messages: [],
            lastSeq: 2,
            hasMore: false,
            readMarks: [
              { userId: 'alice', upToSeq: 2, readAt: '2026-01-01T12:00:15.000Z' },
              { userId: 'bob', upToSeq: 1, readAt: '2026-01-01T12:00:05.000Z' },
            ],
            changed: [lunchEdited],
            lastRev: 1,
          },
        ],
        notFound: [],
        hasMore: false,
        unread: { count: 0, conversations: [] },
      },
    },
    {
      name: 'feed',
      summary: 'Since the last `sync` of the device, bob has replied and alice has read his reply on another device',
      value: {
        ok: true,
        epoch,
        conversations: [],
        notFound: [],
        hasMore: false,
        unread: { count: 0, conversations: [] },
        feed: {
          conversations: [
            {
              id: conversationId,
              otherUserId: 'bob',
              lastMessage: { ...menu, isRead: true },
              unreadCount: 0,
              lastSeq: 2,
              updatedAt: menu.createdAt,
              readMarks: [
                { userId: 'alice', upToSeq: 2, readAt: '2026-01-01T12:00:15.000Z' },
                { userId: 'bob', upToSeq: 1, readAt: '2026-01-01T12:00:05.000Z' },
              ],
            },
          ],
          since: 'NWIwZjRhNTItNmYwZS00ZDQzLTlmMGEtMGQ5ZjRiMWQ3YzExLjE3NjcyNjg4NDAwMDA',
          hasMore: false,
        },
      },
    },
    {
      name: 'busy',
      summary: 'A storm of reconnects: retry after the given time',
      value: { ok: false, error: new Rejection('OVERLOADED', { retryAfterMs: 1_000 }).payload },
    },
  ],
  watch_presence: [
    {
      name: 'watching',
      summary: 'bob is online, carol is offline',
      value: {
        ok: true,
        presence: [
          { userId: 'bob', online: true },
          { userId: 'carol', online: false, lastSeenAt: '2026-01-01T11:40:00.000Z' },
        ],
      },
    },
    {
      name: 'full',
      summary: 'Too many users: nothing changes, and earlier watches continue',
      value: { ok: false, error: new Rejection('LIMIT_EXCEEDED').payload },
    },
  ],
  unwatch_presence: [{ name: 'done', summary: 'Also for users who were not watched', value: { ok: true } }],
  typing: [
    { name: 'received', summary: 'Delivered or dropped, also in a conversation of other users', value: { ok: true } },
  ],
  refresh_token: [
    { name: 'renewed', summary: 'The new token is valid for an hour', value: { ok: true, expiresInMs: 3_600_000 } },
    {
      name: 'expired',
      summary: 'The token has expired too: the connection keeps the one that it has',
      value: { ok: false, error: new Rejection('TOKEN_EXPIRED').payload },
    },
  ],
};

export const serverEventExamples: ExamplesOf<typeof serverEvents> = {
  session: [
    {
      name: 'session',
      summary: 'alice has connected',
      value: {
        userId: 'alice',
        connectionId: 'Zb3sYp0TqN4mXQy1AAAB',
        gatewayId: 'gateway-1',
        serverTime: '2026-01-01T11:59:58.000Z',
        epoch,
      },
    },
  ],
  new_message: [
    { name: 'lunch', summary: 'To every device of alice and of bob', value: lunch },
    { name: 'menu', summary: 'The reply, with an attachment', value: menu },
    { name: 'group', summary: 'To alice, bob and carol: alice has created a group', value: created },
  ],
  message_changed: [
    {
      name: 'edited',
      summary: 'alice has corrected her message',
      value: {
        conversationId,
        seq: 1,
        rev: 1,
        by: 'alice',
        at: '2026-01-01T12:01:00.000Z',
        edited: { content: 'Hi Bob, lunch at one?' },
      },
    },
    {
      name: 'reaction',
      summary: 'alice likes the menu',
      value: {
        conversationId,
        seq: 2,
        rev: 2,
        by: 'alice',
        at: '2026-01-01T12:01:30.000Z',
        reactions: [{ emoji: '👍', count: 1 }],
        reacted: { emoji: '👍', on: true },
      },
    },
  ],
  conversation_changed: [
    {
      name: 'added',
      summary: 'To carol: she is in a new group',
      value: { conversationId: groupId, group: { ...ofMember, role: 'member' } },
    },
    {
      name: 'muted',
      summary: 'To the other devices of bob: he has muted the group',
      value: { conversationId: groupId, settings: { ...unmuted, muted: true } },
    },
  ],
  block_changed: [
    {
      name: 'blocked',
      summary: 'To the devices of alice: she has blocked mallory',
      value: { userId: 'mallory', blocked: true },
    },
  ],
  messages_delivered: [
    {
      name: 'delivered',
      summary: 'To alice: a device of bob has her message',
      value: { marks: [{ conversationId, userId: 'bob', upToSeq: 1 }] },
    },
  ],
  unread_count: [
    {
      name: 'arrived',
      summary: 'To bob, after the message of alice',
      value: { count: 1, conversations: [{ conversationId, count: 1 }] },
    },
    { name: 'total', summary: 'On connect: only the total', value: { count: 0 } },
  ],
  messages_read: [
    {
      name: 'read',
      summary: 'To alice and to bob: bob has read the first message',
      value: { conversationId, userId: 'bob', upToSeq: 1, readAt: '2026-01-01T12:00:05.000Z' },
    },
  ],
  sync_required: [
    {
      name: 'gap',
      summary: 'The gateway of alice lost its link to Redis for a while; her client sends `sync`',
      value: { reason: 'fanout_gap' },
    },
    {
      name: 'restored',
      summary: 'The database was restored: the client sends `sync`, finds another `epoch` and loads everything anew',
      value: { reason: 'store_restored' },
    },
  ],
  server_draining: [
    {
      name: 'deploy',
      summary: 'A deploy replaces the gateway of alice; it closes her connection in 12.5 s',
      value: { reconnectInMs: 12_500 },
    },
  ],
  presence: [
    { name: 'online', summary: 'To alice, who watches bob: bob has connected', value: { userId: 'bob', online: true } },
    {
      name: 'offline',
      summary: 'Some seconds after the last device of bob disconnected',
      value: { userId: 'bob', online: false, lastSeenAt: '2026-01-01T12:00:30.000Z' },
    },
  ],
  typing: [
    { name: 'typing', summary: 'To every device of alice', value: { conversationId, userId: 'bob', typing: true } },
  ],
  token_expiring: [{ name: 'soon', summary: 'The token of alice expires in a minute', value: { expiresInMs: 60_000 } }],
  session_ended: [
    {
      name: 'expired',
      summary: 'alice sent no new token in time',
      value: { error: new Rejection('TOKEN_EXPIRED').payload },
    },
  ],
  exception: [
    {
      name: 'empty',
      summary: 'An empty message, sent without an ack callback',
      value: {
        event: 'send_message',
        error: problemExample('VALIDATION_FAILED', 'content: a message needs content or at least one attachment').error,
      },
    },
  ],
};

const aliceAndBob: z.input<typeof conversation> = {
  id: conversationId,
  kind: 'direct',
  participantIds: ['alice', 'bob'],
  createdAt: '2026-01-01T11:59:59.000Z',
};

/** Request and response bodies of HTTP. */
export const httpExamples = {
  openConversationBody: { participantId: 'bob' } satisfies z.input<typeof openConversationBody>,
  conversation: aliceAndBob,
  historyPage: {
    epoch,
    conversationId,
    messages: [menu, { ...lunch, isRead: true }],
    nextCursor: null,
  } satisfies z.input<typeof historyPage>,
  emptyHistoryPage: { epoch, conversationId: null, messages: [], nextCursor: null } satisfies z.input<
    typeof historyPage
  >,
  conversationsPage: {
    epoch,
    conversations: [
      {
        id: conversationId,
        otherUserId: 'bob',
        lastMessage: menu,
        unreadCount: 1,
        lastSeq: 2,
        updatedAt: menu.createdAt,
      },
    ],
    nextCursor: null,
  } satisfies z.input<typeof conversationsPage>,
  groupHistoryPage: { epoch, conversationId: groupId, messages: [created], nextCursor: null } satisfies z.input<
    typeof historyPage
  >,
  createGroupBody: { title: 'Lunch', userIds: ['bob', 'carol'], changeId: 'c-17' },
  renameGroupBody: { title: 'Dinner', changeId: 'c-18' },
  addMembersBody: { userIds: ['dave'], history: 'all' as const, changeId: 'c-19' },
  setRoleBody: { role: 'admin' as const, changeId: 'c-20' },
  editMessageBody: { content: 'Hi Bob, lunch at one?', changeId: 'c-16' },
  group: lunchGroup,
  membersPage: {
    members: [
      { userId: 'alice', role: 'owner', joinedAt: '2026-01-01T12:05:00.000Z', upToSeq: 1, readAt: null },
      { userId: 'bob', role: 'member', joinedAt: '2026-01-01T12:05:00.000Z', upToSeq: 0, readAt: null },
    ],
    nextCursor: 'Ym9i',
  } satisfies z.input<typeof membersPage>,
  editedMessage: lunchEdited,
  reactedMessage: menuWithReaction,
  versions: {
    versions: [{ content: 'Hi Bob, lunch at noon?', editedAt: '2026-01-01T12:01:00.000Z', editedBy: 'alice' }],
  } satisfies z.input<typeof versionsPage>,
  reactors: { userIds: ['alice'] } satisfies z.input<typeof reactorsPage>,
  readers: { userIds: ['bob'], count: 1, of: 2 } satisfies z.input<typeof readersPage>,
  settingsBody: { muted: true },
  settings: { ...unmuted, muted: true },
  blocks: { userIds: ['mallory'] } satisfies z.input<typeof blocksPage>,
  blockState: { userId: 'mallory', blocked: true } satisfies z.input<typeof blockState>,
};

/** Error body of a code. `message`: for codes with which the server sends a more specific text than the table's. */
export function problemExample(code: ErrorCode, message?: string): Problem {
  return {
    error: new Rejection(code, {
      ...(message === undefined ? {} : { message }),
      ...(code === 'RATE_LIMITED' ? { retryAfterMs: 1_500 } : {}),
    }).payload,
  };
}
