/** Longest first line that is waited for, in bytes. Node refuses a request whose line and headers are longer (431). */
const LONGEST = 16_384;

const LF = 10;
const CR = 13;

/**
 * Whether the first bytes of a connection contain a complete request line, or will never contain one that is served.
 * Empty lines before it are skipped, as HTTP parsers do.
 */
export function hasRequestLine(head: Buffer): boolean {
  return head.length > LONGEST || head.includes(LF, startOf(head));
}

/**
 * The session of the request: the value of its query parameter `sid`, read as engine.io reads it (the last one counts).
 * Undefined if it has none, or if the line is not one of HTTP.
 */
export function sessionIn(head: Buffer): string | undefined {
  const start = startOf(head);
  const target = /^\S+ +(\S*\?\S*)/.exec(head.toString('latin1', start, head.indexOf(LF, start)))?.[1];
  if (target === undefined) return undefined;
  return URL.parse(target, 'http://gateway')?.searchParams.getAll('sid').at(-1) || undefined;
}

function startOf(head: Buffer): number {
  let start = 0;
  while (head[start] === CR || head[start] === LF) start++;
  return start;
}
