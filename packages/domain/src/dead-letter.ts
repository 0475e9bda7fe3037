import { createHash } from 'node:crypto';
import type { DeadLetter } from './ports.ts';

/** Characters of JSON that a letter keeps. The largest valid send, every character of it escaped, has 150,000. */
const LONGEST_ENTRY = 400_000;
/** Of something larger (no gateway of ours sent it), so much is kept as text, to be looked at. */
const KEPT_OF_LARGER = 50_000;
const LONGEST_REASON = 500;

/** The letter of an entry, or of anything else that came as one. `reason` must not quote what the entry says. */
export function deadLetterOf(
  content: unknown,
  { source, reason, attempts = 1 }: Pick<DeadLetter, 'source' | 'reason'> & { attempts?: number },
): Omit<DeadLetter, 'at'> {
  const text = JSON.stringify(content ?? null);
  return {
    id: idOf(content) ?? idFrom(text),
    source,
    // What Postgres takes as text: no NUL, no lone surrogate.
    reason: reason.replaceAll('\u0000', ' ').slice(0, LONGEST_REASON).toWellFormed(),
    attempts,
    entry: text.length <= LONGEST_ENTRY ? text : JSON.stringify(text.slice(0, KEPT_OF_LARGER)),
  };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function idOf(content: unknown): string | undefined {
  if (typeof content !== 'object' || content === null || !('id' in content)) return undefined;
  return typeof content.id === 'string' && UUID.test(content.id) ? content.id.toLowerCase() : undefined;
}

/** A UUID of version 8 (made as one likes) out of a hash. */
function idFrom(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
