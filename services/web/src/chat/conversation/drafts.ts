import type { Attachment } from '@chat-cluster/client';
import type { KeptTexts } from '../session/browser-storage.ts';
import { safeHref } from './links.ts';

/** Text and attachments that a user has not sent yet. */
export interface Draft {
  text: string;
  attachments: readonly Attachment[];
}

export const EMPTY_DRAFT: Draft = { text: '', attachments: [] };

/** Drafts of one user that are kept; a further one replaces the oldest. */
const KEPT = 50;

/** The drafts of a user, kept in this browser until they are sent or the user signs out. */
export interface Drafts {
  get(conversationId: string): Draft;
  set(conversationId: string, draft: Draft): void;
}

const KEY = 'chat-drafts:';

/** Without a user nothing is kept. */
export function createDrafts(user: string | undefined, storage: Pick<KeptTexts, 'getItem' | 'setItem'>): Drafts {
  const key = `${KEY}${user}`;
  const drafts = user === undefined ? new Map<string, Draft>() : read(storage, key);
  return {
    get: (id) => drafts.get(id) ?? EMPTY_DRAFT,
    set(id, draft) {
      drafts.delete(id);
      if (draft.text !== '' || draft.attachments.length > 0) drafts.set(id, draft);
      if (drafts.size > KEPT) drafts.delete(drafts.keys().next().value as string);
      if (user !== undefined) storage.setItem(key, JSON.stringify([...drafts]));
    },
  };
}

/** Removes the drafts of all users: who signs out may not have been connected, so the user may be unknown. */
export function clearDrafts(storage: Pick<KeptTexts, 'keys' | 'removeItem'>): void {
  for (const key of storage.keys()) if (key.startsWith(KEY)) storage.removeItem(key);
}

function read(storage: Pick<KeptTexts, 'getItem'>, key: string): Map<string, Draft> {
  try {
    const entries: unknown = JSON.parse(storage.getItem(key) ?? '[]');
    return new Map(Array.isArray(entries) ? entries.filter(isEntry) : []);
  } catch {
    return new Map();
  }
}

function isEntry(entry: unknown): entry is [string, Draft] {
  return (
    Array.isArray(entry) &&
    typeof entry[0] === 'string' &&
    typeof entry[1]?.text === 'string' &&
    Array.isArray(entry[1].attachments) &&
    entry[1].attachments.every(isAttachment)
  );
}

function isAttachment(one: unknown): one is Attachment {
  const { url, type } = Object(one) as Partial<Attachment>;
  return typeof url === 'string' && safeHref(url) !== undefined && (type === 'IMAGE' || type === 'PDF');
}
