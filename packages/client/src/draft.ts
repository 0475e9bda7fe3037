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
  if (!Array.isArray(attachments) || attachments.length > LIMITS.attachments || !attachments.every(isAttachment)) {
    throw new TypeError(
      `attachments: pass at most ${LIMITS.attachments} of {url, type}: an https:// URL of at most ` +
        `${LIMITS.attachmentUrlLength} characters, and "IMAGE" or "PDF".`,
    );
  }
  if (attachments.length === 0 && ONLY_INVISIBLE.test(content ?? '')) {
    throw new TypeError('content: a message needs visible text or an attachment.');
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
  if (!UUID.test(lower)) throw new TypeError('conversation: pass its id, which is a UUID.');
  return lower;
}

function checkContent(content: unknown): void {
  // Older engines have no isWellFormed; the server checks it again.
  if (typeof content !== 'string' || content.includes('\u0000') || content.isWellFormed?.() === false) {
    throw new TypeError('content: pass well-formed text without NUL.');
  }
  if (content.length > LIMITS.contentLength) {
    throw new TypeError(`content: pass at most ${LIMITS.contentLength} characters. Split a longer text.`);
  }
}

function isAttachment({ url, type }: Attachment): boolean {
  return (type === 'IMAGE' || type === 'PDF') && HTTPS.test(url) && url.length <= LIMITS.attachmentUrlLength;
}
