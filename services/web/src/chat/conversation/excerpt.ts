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
  if (text.length <= MAX_CHARACTERS) return text;
  // Not between the halves of a character, or between a letter and the marks on it.
  return text.slice(0, MAX_CHARACTERS).replace(/\P{M}\p{M}*$/u, '');
}
