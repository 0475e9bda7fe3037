/** A part of a text: plain, or a link that is safe to open. */
export interface TextPart {
  text: string;
  href?: string;
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi;
/** Punctuation at the end of an address, which belongs to the sentence around it. */
const TRAILING = /[.,;:!?'"”’»…*_]/;
const OPENING = { ')': '(', ']': '[', '}': '{' } as const;

/** Splits a text at its http and https addresses. Everything else stays text. */
export function splitText(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutTrailing(match[0]);
    const href = safeHref(address);
    if (href === undefined) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** The address, if it is http or https and does not hide its host behind a user name. */
export function safeHref(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, username, password, href } = new URL(address);
  const isWeb = protocol === 'https:' || protocol === 'http:';
  return isWeb && username === '' && password === '' ? href : undefined;
}

/** Control characters, and those that change the direction of text: `fdp.exe` after U+202E reads `exe.pdf`. */
const MISLEADING = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The last part of the path of a valid address, as people read it, or the host. */
export function fileNameOf(href: string): string {
  const { pathname, host } = new URL(href);
  const last = pathname.split('/').findLast((part) => part !== '') ?? host;
  return decoded(last).replaceAll(MISLEADING, '') || host;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A closing bracket belongs to the address when its opening one does. Each character is read twice at most. */
function withoutTrailing(address: string): string {
  const counts = new Map<string, number>();
  const add = (char: string, change: number) => counts.set(char, (counts.get(char) ?? 0) + change);
  for (const char of address) if (/[()[\]{}]/.test(char)) add(char, 1);
  let end = address.length;
  for (; end > 0; end--) {
    const last = address.charAt(end - 1);
    if (TRAILING.test(last)) continue;
    const opening = OPENING[last as keyof typeof OPENING];
    if (opening === undefined || (counts.get(last) ?? 0) <= (counts.get(opening) ?? 0)) break;
    add(last, -1);
  }
  return address.slice(0, end);
}
