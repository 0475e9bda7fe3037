/** Most lines and characters of a message that are drawn before the user asks for the rest. */
const MAX_LINES = 40;
const MAX_CHARACTERS = 4_000;

/** The beginning of a long text, which the list draws; a short text whole. It reads no more than it returns. */
export function excerptOf(text: string): string {
  let end = 0;
  for (let line = 1; end < MAX_CHARACTERS; line++) {
    const next = text.indexOf('\n', end);
    if (next === -1 || next >= MAX_CHARACTERS) break;
    if (line === MAX_LINES) return text.slice(0, next);
    end = next + 1;
  }
  return beginningOf(text, MAX_CHARACTERS);
}

/** The first `length` characters of a text, or fewer: it ends neither within a character nor before the marks on it. */
export function beginningOf(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/\P{M}\p{M}*$/u, '');
}
