import type { Attachment } from '@chat-cluster/contracts';
import type { DraftMessage } from './types.ts';
import { LIMITS } from './wire.ts';

/** White space, controls and what Unicode hides: a reader sees nothing. The same characters as in contracts. */
const ONLY_INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB\u2800\u{16FE4}\u{1D159}]*$/u;
const HTTPS = /^https:\/\/[^/?#]/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern rejects control characters.
const PRINTABLE = /^[^\u0000-\u001f\u007f]+$/;
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Throws a TypeError for a draft that the server would never accept. */
export function checkedDraft(draft: DraftMessage | string): { content: string | null; attachments: Attachment[] } {
  const { content = null, attachments = [] } = typeof draft === 'string' ? { content: draft } : draft;
  if (content !== null) checkContent(content);
  if (!Array.isArray(attachments)) throw new TypeError('attachments: pass an array of {url, type}.');
  if (attachments.length > LIMITS.attachments) {
    throw new TypeError(`A message has at most ${LIMITS.attachments} attachments. Send the others in another message.`);
  }
  for (const attachment of attachments) checkAttachment(attachment);
  if (attachments.length === 0 && ONLY_INVISIBLE.test(content ?? '')) {
    throw new TypeError('A message needs visible text or an attachment. Add one of them.');
  }
  return { content, attachments: attachments.map(({ url, type }) => ({ url, type })) };
}

/** Throws a TypeError for an id that the server would never accept. */
export function checkId(name: string, id: string, longest: number): void {
  if (typeof id !== 'string' || id.length > longest || !PRINTABLE.test(id)) {
    throw new TypeError(`${name}: pass 1 to ${longest} characters without control characters.`);
  }
}

/** The id of a conversation in lower case. */
export function checkedConversationId(id: string): string {
  const lower = typeof id === 'string' ? id.toLowerCase() : '';
  if (!UUID.test(lower)) throw new TypeError('conversation: pass the id of a conversation, which is a UUID.');
  return lower;
}

function checkContent(content: unknown): void {
  if (typeof content !== 'string') throw new TypeError('content: pass a string.');
  if (content.length > LIMITS.contentLength) {
    throw new TypeError(`content: at most ${LIMITS.contentLength} characters. Split the text into several messages.`);
  }
  // Older engines have no isWellFormed; the server checks it again.
  if (content.includes('\u0000') || content.isWellFormed?.() === false) {
    throw new TypeError('content: pass well-formed Unicode without NUL.');
  }
}

function checkAttachment(attachment: Attachment): void {
  const { url, type } = attachment ?? {};
  if (type !== 'IMAGE' && type !== 'PDF') throw new TypeError('attachments: type is "IMAGE" or "PDF".');
  if (typeof url !== 'string' || !HTTPS.test(url) || url.length > LIMITS.attachmentUrlLength) {
    throw new TypeError(
      `attachments: url begins with https:// and has at most ${LIMITS.attachmentUrlLength} characters.`,
    );
  }
}
