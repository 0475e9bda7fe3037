import type { Attachment, ClientMessageId, ConversationId } from '@chat-cluster/contracts';
import { check } from './errors.ts';
import type { DraftMessage } from './types.ts';
import { ATTACHMENT_URL_LENGTH, ATTACHMENTS, CONTENT_LENGTH, ID_LENGTH } from './wire.ts';

/** White space, controls and what Unicode hides: a reader sees nothing. The same characters as in contracts. */
const ONLY_INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB\u2800\u{16FE4}\u{1D159}]*$/u;
const HTTPS = /^https:\/\/[^/?#]/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern rejects control characters.
const PRINTABLE = /^[^\u0000-\u001f\u007f]+$/;
/** Its length and characters: the server checks the rest. */
const UUID = /^[0-9a-f-]{36}$/;

export interface CheckedDraft {
  clientMessageId: ClientMessageId;
  content: string | null;
  attachments: Attachment[];
}

/** Throws a TypeError for a draft that the server would never accept. */
export function checkedDraft(draft: DraftMessage | string): CheckedDraft {
  const given = typeof draft === 'string' ? { content: draft } : draft;
  const { content = null, attachments = [], clientMessageId = newId() }: DraftMessage = given;
  if (content !== null) checkContent(content);
  check(
    Array.isArray(attachments) && attachments.length <= ATTACHMENTS && attachments.every(isAttachment),
    `attachments: pass at most ${ATTACHMENTS} of {url, type}: an https:// URL of at most ` +
      `${ATTACHMENT_URL_LENGTH} characters, and "IMAGE" or "PDF".`,
  );
  const isVisible = attachments.length > 0 || !ONLY_INVISIBLE.test(content ?? '');
  check(isVisible, 'content: pass visible text or an attachment.');
  checkId('clientMessageId', clientMessageId);
  return {
    clientMessageId: clientMessageId as ClientMessageId,
    content,
    attachments: attachments.map(({ url, type }) => ({ url, type })),
  };
}

/** Throws a TypeError for an id that the server would never accept. */
export function checkId(name: string, id: string): void {
  const isId = typeof id === 'string' && id.length <= ID_LENGTH && PRINTABLE.test(id);
  check(isId, `${name}: pass 1 to ${ID_LENGTH} characters without control characters.`);
}

/** The id of a conversation in lower case. */
export function checkedConversationId(id: string): ConversationId {
  const lower = String(id).toLowerCase();
  check(UUID.test(lower), 'conversation: pass its id, a UUID.');
  return lower as ConversationId;
}

function checkContent(content: unknown): void {
  // Older engines have no isWellFormed; the server checks it again.
  const isText = typeof content === 'string' && !content.includes('\u0000') && content.isWellFormed?.() !== false;
  check(isText, 'content: pass well-formed text without NUL.');
  const fits = content.length <= CONTENT_LENGTH;
  check(fits, `content: pass at most ${CONTENT_LENGTH} characters. Split a longer text.`);
}

function isAttachment({ url, type }: Attachment): boolean {
  return (type === 'IMAGE' || type === 'PDF') && HTTPS.test(url) && url.length <= ATTACHMENT_URL_LENGTH;
}

/** A random id. React Native and pages without TLS have no `crypto.randomUUID`. */
function newId(): string {
  const part = () => Math.random().toString(36).slice(2);
  return globalThis.crypto?.randomUUID?.() ?? part() + part() + part();
}
