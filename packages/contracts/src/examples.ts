/*
 * Longer than 250 lines on purpose: one list of examples for the generated reference, which tests compare with the schemas.
 */
import type { z } from 'zod';
import { type ErrorCode, Rejection } from './errors.ts';
import type { conversation, conversationsPage, historyPage, openConversationBody, Problem } from './http.ts';
import type { message } from './message.ts';
import type { clientAcks, clientEvents, serverEvents } from './socket-events.ts';

/*
 * The examples of both documents. They are one short story, hence one long file of data: alice opens a conversation
 * with bob and invites him to lunch; bob reads it and replies with the menu. The compiler requires an example here for
 * each event and each ack.
 */

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
