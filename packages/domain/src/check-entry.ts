import { type Entry, LIMITS, type ReadEntry, type SendEntry } from '@chat-cluster/contracts';

/** Factor over the limits of clients, so that a worker accepts the entries of a newer gateway with larger limits. */
const MARGIN = 10;

/**
 * Throws a TypeError when a field of the entry is missing, has another type, or is larger than any gateway sends. A lane
 * may contain anything, and Postgres would store an object as a text, and take a missing conversation for an unknown one.
 */
export function checkEntry(entry: Entry): void {
  const problem =
    entry?.kind === 'send' ? problemOfSend(entry) : entry?.kind === 'read' ? problemOfRead(entry) : 'kind';
  if (problem) throw new TypeError(`an entry without a valid ${problem}`);
}

function problemOfSend(send: SendEntry): string | undefined {
  if (typeof send.id !== 'string') return 'id';
  if (typeof send.conversationId !== 'string') return 'conversationId';
  if (typeof send.senderId !== 'string') return 'senderId';
  if (typeof send.receiverId !== 'string') return 'receiverId';
  if (typeof send.clientMessageId !== 'string') return 'clientMessageId';
  if (!isText(send.content, MARGIN * LIMITS.contentLength) && send.content !== null) return 'content';
  if (!Array.isArray(send.attachments) || send.attachments.length > MARGIN * LIMITS.attachments) return 'attachments';
  return undefined;
}

function isText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value.length <= maxLength;
}

function problemOfRead(read: ReadEntry): string | undefined {
  if (typeof read.conversationId !== 'string') return 'conversationId';
  if (typeof read.userId !== 'string') return 'userId';
  if (typeof read.otherUserId !== 'string') return 'otherUserId';
  return typeof read.upToSeq === 'number' || read.upToSeq === null ? undefined : 'upToSeq';
}
