import { createHash } from 'node:crypto';

/** An accepted entry that could not be stored, kept for an operator to inspect and to replay. */
export interface DeadLetter {
  /** Id of the send, or a hash of any other content: an entry that fails again updates its letter. */
  id: string;
  /** Time at which it was first kept. */
  at: Date;
  /** `store`: Postgres rejected it. `lane`: the lane gave up its batch. */
  source: 'store' | 'lane';
  /** Reason of the latest failure, without content of the entry. */
  reason: string;
  attempts: number;
  /** The entry as JSON. A batch that cannot be parsed is kept as a JSON string of its text. */
  entry: string;
}

/** Maximum JSON of an entry, in characters. The largest valid send, with every character escaped, has about 102,000. */
const MAX_ENTRY_LENGTH = 400_000;
/** Characters kept of a larger entry, as text to inspect. No gateway sends one. */
const KEPT_LENGTH = 50_000;
const MAX_REASON_LENGTH = 500;

/** Returns the letter for an entry, or for other content in its place. `reason` must not quote that content. */
export function deadLetterOf(
  content: unknown,
  { source, reason, attempts = 1 }: Pick<DeadLetter, 'source' | 'reason'> & { attempts?: number },
): Omit<DeadLetter, 'at'> {
  const text = JSON.stringify(content ?? null);
  return {
    id: idOf(content) ?? idFrom(text),
    source,
    // Postgres accepts neither NUL nor lone surrogates in text.
    reason: reason.replaceAll('\u0000', ' ').slice(0, MAX_REASON_LENGTH).toWellFormed(),
    attempts,
    entry: text.length <= MAX_ENTRY_LENGTH ? text : JSON.stringify(text.slice(0, KEPT_LENGTH)),
  };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function idOf(content: unknown): string | undefined {
  if (typeof content !== 'object' || content === null || !('id' in content)) return undefined;
  return typeof content.id === 'string' && UUID.test(content.id) ? content.id.toLowerCase() : undefined;
}

/** A UUID of version 8 (custom content), made from a hash. */
function idFrom(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
