import {
  type Entry,
  type Extras,
  type GroupChangeEntry,
  type GroupReadEntry,
  type GroupSendEntry,
  LIMITS,
  type MessageChangeEntry,
  PERMISSIONS,
  type ReadEntry,
  type SendEntry,
} from '@chat-cluster/contracts';

/** Factor over the limits of clients, so that a worker accepts the entries of a newer gateway with larger limits. */
const MARGIN = 10;

/**
 * Throws a TypeError when a field of the entry is missing, has another type, or is larger than any gateway sends. A lane
 * may contain anything, and Postgres would store an object as a text, and take a missing conversation for an unknown one.
 */
export function checkEntry(entry: Entry): void {
  const problem = problemOf(entry);
  if (problem) throw new TypeError(`an entry without a valid ${problem}`);
}

function problemOf(entry: Entry): string | undefined {
  switch (entry?.kind) {
    case 'send':
      return problemOfSend(entry) ?? (typeof entry.receiverId === 'string' ? undefined : 'receiverId');
    case 'group_send':
      return problemOfSend(entry);
    case 'read':
      return problemOfRead(entry) ?? (typeof entry.otherUserId === 'string' ? undefined : 'otherUserId');
    case 'group_read':
      return problemOfRead(entry);
    case 'group_change':
      return problemOfGroupChange(entry);
    case 'message_change':
      return problemOfMessageChange(entry);
    default:
      return 'kind';
  }
}

function problemOfSend(send: SendEntry | GroupSendEntry): string | undefined {
  if (typeof send.id !== 'string') return 'id';
  if (typeof send.conversationId !== 'string') return 'conversationId';
  if (typeof send.senderId !== 'string') return 'senderId';
  if (typeof send.clientMessageId !== 'string') return 'clientMessageId';
  if (!isText(send.content, MARGIN * LIMITS.contentLength) && send.content !== null) return 'content';
  if (!Array.isArray(send.attachments) || send.attachments.length > MARGIN * LIMITS.attachments) return 'attachments';
  return problemOfExtras(send);
}

function problemOfExtras({ replyTo, mentions, mentionsAll }: Extras): string | undefined {
  if (replyTo !== undefined && (!Number.isSafeInteger(replyTo?.seq) || typeof replyTo.senderId !== 'string'))
    return 'replyTo';
  if (replyTo && replyTo.text !== null && !isText(replyTo.text, MARGIN * LIMITS.replyTextLength)) return 'replyTo';
  if (mentions !== undefined && !areTexts(mentions, MARGIN * LIMITS.mentions)) return 'mentions';
  return mentionsAll === undefined || mentionsAll === true ? undefined : 'mentionsAll';
}

function areTexts(value: unknown, atMost: number): boolean {
  return Array.isArray(value) && value.length <= atMost && value.every((one) => typeof one === 'string');
}

function isText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value.length <= maxLength;
}

function problemOfRead(read: ReadEntry | GroupReadEntry): string | undefined {
  if (typeof read.conversationId !== 'string') return 'conversationId';
  if (typeof read.userId !== 'string') return 'userId';
  return typeof read.upToSeq === 'number' || read.upToSeq === null ? undefined : 'upToSeq';
}

/** Users in one change: more than any setting of MAX_USERS_PER_ADD. */
const MAX_USERS = MARGIN * 1_000;

function problemOfGroupChange({ id, conversationId, by, changeId, change }: GroupChangeEntry): string | undefined {
  if (typeof id !== 'string') return 'id';
  if (typeof conversationId !== 'string') return 'conversationId';
  if (typeof by !== 'string') return 'by';
  if (!isText(changeId, MARGIN * LIMITS.changeIdLength)) return 'changeId';
  switch (change?.type) {
    case 'create':
      return areTexts(change.userIds, MAX_USERS) && isTitle(change.title) ? undefined : 'change';
    case 'add':
      return areTexts(change.userIds, MAX_USERS) && isHistory(change.history) ? undefined : 'change';
    case 'rename':
      return isTitle(change.title) ? undefined : 'change';
    case 'role':
      return typeof change.userId === 'string' && Object.hasOwn(PERMISSIONS, change.role) ? undefined : 'change';
    case 'remove':
      return typeof change.userId === 'string' ? undefined : 'change';
    case 'leave':
      return undefined;
    default:
      return 'change';
  }
}

function isTitle(value: unknown): boolean {
  return isText(value, MARGIN * LIMITS.titleLength);
}

function isHistory(value: unknown): boolean {
  if (value === undefined || value === 'all' || value === 'none') return true;
  return typeof value === 'object' && value !== null && 'since' in value && typeof value.since === 'string';
}

function problemOfMessageChange({ conversationId, by, seq, change }: MessageChangeEntry): string | undefined {
  if (typeof conversationId !== 'string') return 'conversationId';
  if (typeof by !== 'string') return 'by';
  if (!Number.isSafeInteger(seq)) return 'seq';
  switch (change?.type) {
    case 'edit':
      if (!isText(change.content, MARGIN * LIMITS.contentLength)) return 'content';
      if (!isText(change.changeId, MARGIN * LIMITS.changeIdLength)) return 'changeId';
      return change.mentions === undefined || areTexts(change.mentions, MARGIN * LIMITS.mentions)
        ? undefined
        : 'mentions';
    case 'delete':
      return undefined;
    case 'react':
      return isText(change.emoji, MARGIN * LIMITS.emojiLength) && typeof change.on === 'boolean' ? undefined : 'change';
    default:
      return 'change';
  }
}
