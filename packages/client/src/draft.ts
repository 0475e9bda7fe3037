import type { Attachment, ClientMessageId, ConversationId } from '@chat-cluster/contracts';
import { check } from './errors.ts';
import type { DraftMessage } from './types.ts';
import { ATTACHMENT_URL_LENGTH, ATTACHMENTS, CONTENT_LENGTH, ID_LENGTH } from './wire.ts';

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
export function checkedDraft(draft: DraftMessage): CheckedDraft {
  const { content = null, attachments = [], clientMessageId = newId() } = draft;
  if (content !== null) checkContent(content);
  check(
    Array.isArray(attachments) && attachments.length <= ATTACHMENTS && attachments.every(isAttachment),
    `attachments: pass at most ${ATTACHMENTS} of {url: "https://...", type: "IMAGE" or "PDF"}.`,
  );
  // The server also refuses other characters that a reader does not see.
  const isVisible = attachments.length > 0 || /\S/.test(content ?? '');
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

export function checkContent(content: unknown): void {
  // Older engines have no isWellFormed; the server checks it again.
  const isText = typeof content === 'string' && !content.includes('\u0000') && content.isWellFormed?.() !== false;
  const fits = isText && content.length <= CONTENT_LENGTH;
  check(fits, `content: pass well-formed text without NUL of at most ${CONTENT_LENGTH} characters.`);
}

function isAttachment({ url, type }: Attachment): boolean {
  return (type === 'IMAGE' || type === 'PDF') && HTTPS.test(url) && url.length <= ATTACHMENT_URL_LENGTH;
}

/** A random id. React Native and pages without TLS have no `crypto.randomUUID`. */
export function newId(): string {
  const part = () => Math.random().toString(36).slice(2);
  return globalThis.crypto?.randomUUID?.() ?? part() + part() + part();
}
