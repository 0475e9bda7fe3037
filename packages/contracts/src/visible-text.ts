/**
 * Characters of which a reader sees nothing: white space, controls, all that Unicode hides by default (zero-width and
 * bidirectional characters, fillers, variation selectors, tags), and the blank ones with other properties: interlinear
 * annotations, the empty pattern of braille, the filler of Khitan and the null notehead.
 */
const ONLY_INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB\u2800\u{16FE4}\u{1D159}]*$/u;

/** True when a reader sees at least one character of the text. */
export function isVisible(text: string): boolean {
  return !ONLY_INVISIBLE.test(text);
}
