const ONLY_EMOJI = /^(?:\p{RGI_Emoji}|\s)+$/v;
const EMOJI = /\p{RGI_Emoji}/gv;
/** Longest text that is tested, in UTF-16 units: one family emoji has 11. */
const LONGEST = 60;

/** True for a text of one to five emoji and nothing else, which is shown larger. */
export function isEmojiOnly(text: string): boolean {
  if (text.length > LONGEST || !ONLY_EMOJI.test(text)) return false;
  const count = text.match(EMOJI)?.length ?? 0;
  return count >= 1 && count <= 5;
}
