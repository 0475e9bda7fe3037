/**
 * An emoji with its parts, or a character that is not seen: of control, of direction or of format, a space that is not a
 * plain one, or a plain one at which text looks as without it.
 */
const EMOJI_OR_HIDDEN =
  /\p{Extended_Pictographic}(?:\u200d\p{Extended_Pictographic}|[\ufe0f\u{1f3fb}-\u{1f3ff}])*|[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}|^ | $| (?= )/gu;
const EMOJI = /^\p{Extended_Pictographic}/u;

/**
 * A name that others have chosen, such as a user id. Characters that are not seen are replaced by their code, as in
 * `⟨U+202E⟩`: with them two names could look the same, or one could change the text around it.
 */
export function visibleText(text: string): string {
  return text.replaceAll(EMOJI_OR_HIDDEN, (found) => (EMOJI.test(found) ? found : codeOf(found)));
}

/** For texts without elements, such as a placeholder: the direction of the name does not reach the text around it. */
export function isolatedText(text: string): string {
  return `\u2068${visibleText(text)}\u2069`;
}

function codeOf(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `⟨U+${code}⟩`;
}
