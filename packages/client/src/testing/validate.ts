/*
 * Longer than 250 lines on purpose: one validator for each event of clients.
 */
import type {
  Attachment,
  ClientEvent,
  ClientMessageId,
  ConversationId,
  ConversationSettings,
  GroupChange,
  Role,
  UserId,
  VisibleHistory,
} from '@chat-cluster/contracts';
import { FakeRejection } from './errors.ts';
import type { FakeDraft } from './history.ts';

/** The payloads of the events after validation. */
export interface ValidPayloads {
  send_message: FakeDraft;
  read_messages: { conversationId: ConversationId; upToSeq: number | undefined };
  sync: {
    conversations: { id: ConversationId; afterSeq: number; afterRev: number | undefined }[];
    limit: number;
    since: string | undefined;
  };
  edit_message: ChangedMessage & { content: string; mentions: UserId[] | undefined; changeId: string | undefined };
  delete_message: ChangedMessage;
  set_reaction: ChangedMessage & { emoji: string; on: boolean };
  mark_delivered: { conversations: { id: ConversationId; upToSeq: number }[] };
  create_group: { title: string; userIds: UserId[]; changeId: string | undefined };
  change_group: { conversationId: ConversationId; change: GroupChange; changeId: string | undefined };
  set_conversation: { conversationId: ConversationId; settings: Partial<ConversationSettings> };
  set_block: { userId: UserId; blocked: boolean };
  watch_presence: { userIds: UserId[] };
  unwatch_presence: { userIds: UserId[] };
  typing: { conversationId: ConversationId; typing: boolean };
  refresh_token: { token: string };
}

/** The message that an event changes. */
interface ChangedMessage {
  conversationId: ConversationId;
  seq: number;
}

type Fields = Record<string, unknown>;

/**
 * Validates payloads as the server does, in less detail: what it accepts, the server may still reject in rare cases
 * (the exact form of attachment URLs). Each function throws VALIDATION_FAILED with the name of the field.
 */
export const validators: { [E in ClientEvent]: (payload: unknown) => ValidPayloads[E] } = {
  send_message(payload) {
    const fields = objectOf(payload);
    const { content = null, attachments } = fields;
    if (content !== null && !isText(content, 10_000))
      fail('content: must be well-formed text of at most 10000 characters');
    const draft: FakeDraft = {
      conversationId: conversationId(fields),
      content: content as string | null,
      attachments: listOf(attachments ?? [], 'attachments', 10).map(attachment),
      clientMessageId:
        fields.clientMessageId === undefined ? undefined : (shortId(fields, 'clientMessageId') as ClientMessageId),
      replyToSeq: fields.replyToSeq === undefined ? undefined : wholeNumber(fields, 'replyToSeq', 1),
      mentions: mentioned(fields),
      mentionsAll: fields.mentionsAll === undefined ? false : truth(fields, 'mentionsAll'),
    };
    if (ONLY_INVISIBLE.test(draft.content ?? '') && draft.attachments.length === 0)
      fail('content: a message needs content or at least one attachment');
    return draft;
  },
  read_messages(payload) {
    const fields = objectOf(payload);
    return {
      conversationId: conversationId(fields),
      upToSeq: fields.upToSeq === undefined ? undefined : wholeNumber(fields, 'upToSeq', 0),
    };
  },
  sync(payload) {
    const fields = objectOf(payload);
    const { limit, since } = fields;
    if (since !== undefined && (typeof since !== 'string' || since.length === 0 || since.length > 200))
      fail('since: must be a string of 1 to 200 characters');
    return {
      conversations: listOf(fields.conversations, 'conversations', 100).map((one, i) => ({
        id: uuid(objectOf(one), 'id', `conversations.${i}.id`) as ConversationId,
        afterSeq: wholeNumber(objectOf(one), 'afterSeq', 0),
        afterRev: objectOf(one).afterRev === undefined ? undefined : wholeNumber(objectOf(one), 'afterRev', 0),
      })),
      limit: limit === undefined ? 200 : wholeNumber(fields, 'limit', 1, 500),
      since: since as string | undefined,
    };
  },
  edit_message(payload) {
    const fields = objectOf(payload);
    const { content } = fields;
    if (!isText(content, 10_000) || ONLY_INVISIBLE.test(content as string))
      fail('content: an edited message needs content');
    return { ...changed(fields), content: content as string, mentions: mentioned(fields), changeId: changeId(fields) };
  },
  delete_message: (payload) => changed(objectOf(payload)),
  set_reaction(payload) {
    const fields = objectOf(payload);
    if (!isText(fields.emoji, 32) || fields.emoji === '' || /\s/.test(fields.emoji as string))
      fail('emoji: must be one emoji or a short name');
    return { ...changed(fields), emoji: fields.emoji as string, on: truth(fields, 'on') };
  },
  mark_delivered(payload) {
    const conversations = listOf(objectOf(payload).conversations, 'conversations', 100).map((one, i) => ({
      id: uuid(objectOf(one), 'id', `conversations.${i}.id`) as ConversationId,
      upToSeq: wholeNumber(objectOf(one), 'upToSeq', 1),
    }));
    if (conversations.length === 0) fail('conversations: must not be empty');
    return { conversations };
  },
  create_group(payload) {
    const fields = objectOf(payload);
    return { title: title(fields), userIds: someUsers(fields, 0), changeId: changeId(fields) };
  },
  change_group(payload) {
    const fields = objectOf(payload);
    return { conversationId: conversationId(fields), change: groupChange(fields.change), changeId: changeId(fields) };
  },
  set_conversation(payload) {
    const fields = objectOf(payload);
    const given = objectOf(fields.settings);
    const names = (['muted', 'archived', 'markedUnread'] as const).filter((name) => given[name] !== undefined);
    if (names.length === 0) fail('settings: give at least one setting');
    const settings = Object.fromEntries(names.map((name) => [name, truth(given, name)]));
    return { conversationId: conversationId(fields), settings };
  },
  set_block(payload) {
    const fields = objectOf(payload);
    return { userId: validUserId(fields.userId, 'userId'), blocked: truth(fields, 'blocked') };
  },
  watch_presence: userIds,
  unwatch_presence: userIds,
  typing(payload) {
    const fields = objectOf(payload);
    if (typeof fields.typing !== 'boolean') fail('typing: must be true or false');
    return { conversationId: conversationId(fields), typing: fields.typing as boolean };
  },
  refresh_token(payload) {
    const { token } = objectOf(payload);
    if (typeof token !== 'string' || token === '') fail('token: must be a token');
    return { token: token as string };
  },
};

/** Validates a user id, as `participantId` of a new conversation. */
export function validUserId(value: unknown, field: string): UserId {
  return shortId({ [field]: value }, field) as UserId;
}

/** A copy of `isVisible` of the contract, negated: a reader sees nothing of the text. */
export const ONLY_INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB\u2800\u{16FE4}\u{1D159}]*$/u;

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

function fail(message: string): never {
  throw new FakeRejection('VALIDATION_FAILED', { message });
}

function changed(fields: Fields): ChangedMessage {
  return { conversationId: conversationId(fields), seq: wholeNumber(fields, 'seq', 1) };
}

function changeId(fields: Fields): string | undefined {
  const { changeId } = fields;
  if (changeId !== undefined && (typeof changeId !== 'string' || !/^[\x21-\x7e]{1,64}$/.test(changeId)))
    fail('changeId: must be printable ASCII of 1 to 64 characters');
  return changeId as string | undefined;
}

function mentioned(fields: Fields): UserId[] | undefined {
  if (fields.mentions === undefined) return undefined;
  return listOf(fields.mentions, 'mentions', 50).map((one) => validUserId(one, 'mentions'));
}

function truth(fields: Fields, field: string): boolean {
  const value = fields[field];
  if (typeof value !== 'boolean') fail(`${field}: must be true or false`);
  return value as boolean;
}

function title(fields: Fields): string {
  const value = fields.title;
  if (!isText(value, 100) || ONLY_INVISIBLE.test(value as string) || /\p{Cc}/u.test(value as string))
    fail('title: must be visible text of one line');
  return value as string;
}

function someUsers(fields: Fields, least: number): UserId[] {
  const list = listOf(fields.userIds, 'userIds', 1_000);
  if (list.length < least) fail('userIds: must not be empty');
  return list.map((one) => validUserId(one, 'userIds'));
}

const ROLES: readonly unknown[] = ['owner', 'admin', 'member'] satisfies Role[];

function groupChange(value: unknown): GroupChange {
  const fields = objectOf(value);
  switch (fields.type) {
    case 'add':
      return { type: 'add', userIds: someUsers(fields, 1), history: visibleHistory(fields.history) };
    case 'remove':
      return { type: 'remove', userId: validUserId(fields.userId, 'userId') };
    case 'leave':
      return { type: 'leave' };
    case 'rename':
      return { type: 'rename', title: title(fields) };
    case 'role':
      if (!ROLES.includes(fields.role)) fail('role: must be owner, admin or member');
      return { type: 'role', userId: validUserId(fields.userId, 'userId'), role: fields.role as Role };
    default:
      return fail('change.type: must be add, remove, leave, rename or role');
  }
}

function visibleHistory(value: unknown = 'none'): VisibleHistory {
  if (value === 'all' || value === 'none') return value;
  const { since } = objectOf(value);
  if (typeof since !== 'string' || Number.isNaN(Date.parse(since))) fail('history.since: must be a time');
  return { since: since as string };
}

function objectOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail('expected an object');
  return value as Fields;
}

function listOf(value: unknown, field: string, most: number): unknown[] {
  if (!Array.isArray(value) || value.length > most) fail(`${field}: must be a list of at most ${most}`);
  return value as unknown[];
}

function isText(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.length <= most && value.isWellFormed() && !value.includes('\0');
}

function shortId(fields: Fields, field: string): string {
  const value = fields[field];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters.
  if (!isText(value, 64) || value === '' || /[\u0000-\u001f\u007f]/.test(value as string))
    fail(`${field}: must have 1 to 64 characters and no control characters`);
  return value as string;
}

function uuid(fields: Fields, field: string, path = field): string {
  const value = fields[field];
  if (typeof value !== 'string' || !UUID.test(value)) fail(`${path}: must be a UUID`);
  return (value as string).toLowerCase();
}

function conversationId(fields: Fields): ConversationId {
  return uuid(fields, 'conversationId') as ConversationId;
}

function wholeNumber(fields: Fields, field: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = fields[field];
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
    fail(`${field}: must be a whole number of at least ${least}${most < 1_000 ? ` and at most ${most}` : ''}`);
  return value as number;
}

function attachment(value: unknown, i: number): Attachment {
  const { url, type } = objectOf(value);
  if (typeof url !== 'string' || url.length > 2_048 || !/^https:\/\/[^/?#@\s\\]/i.test(url) || !URL.canParse(url))
    fail(`attachments.${i}.url: must be an absolute URL that begins with https://`);
  if (type !== 'IMAGE' && type !== 'PDF') fail(`attachments.${i}.type: must be IMAGE or PDF`);
  return { url: new URL(url as string).href, type: type as Attachment['type'] };
}

function userIds(payload: unknown): { userIds: UserId[] } {
  const list = listOf(objectOf(payload).userIds, 'userIds', 200);
  if (list.length === 0) fail('userIds: must not be empty');
  return { userIds: list.map((one) => validUserId(one, 'userIds')) };
}
