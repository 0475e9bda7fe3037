/** The word that mentions all members. */
export const EVERYONE = 'all';

/** Names that are offered at a time. */
const OFFERED = 6;

/** A part of a text: plain, or a mention of a user or of everyone. */
export interface MentionPart {
  text: string;
  /** The mentioned user, or `EVERYONE`. */
  mentioned?: string;
}

/** A letter, mark or digit beside which an `@` or a name is part of a longer word. */
const WORD = /[\p{L}\p{M}\p{N}_]/u;

/** Splits a text at `@` followed by one of these names. The longest name wins; a longer word is no mention. */
export function splitMentions(text: string, names: readonly string[]): MentionPart[] {
  if (names.length === 0 || !text.includes('@')) return [{ text }];
  const longestFirst = [...names].sort((a, b) => b.length - a.length);
  const parts: MentionPart[] = [];
  let end = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', Math.max(at + 1, end))) {
    if (at > 0 && WORD.test(text.charAt(at - 1))) continue;
    const name = longestFirst.find((one) => isNamedAt(text, at + 1, one));
    if (name === undefined) continue;
    if (at > end) parts.push({ text: text.slice(end, at) });
    end = at + 1 + name.length;
    parts.push({ text: text.slice(at, end), mentioned: name });
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** The users that a text mentions, and whether it mentions everyone. */
export function mentionsIn(text: string, userIds: readonly string[]): { mentions: string[]; mentionsAll: boolean } {
  const named = splitMentions(text, [...userIds, EVERYONE]).flatMap(({ mentioned }) => mentioned ?? []);
  const mentions = [...new Set(named)].filter((name) => userIds.includes(name));
  return { mentions, mentionsAll: !userIds.includes(EVERYONE) && named.includes(EVERYONE) };
}

/** The beginning of a mention that ends at the caret: where its `@` is, and what follows it. */
export function mentionBefore(text: string, caret: number): { at: number; typed: string } | undefined {
  const at = text.lastIndexOf('@', caret - 1);
  if (at === -1 || (at > 0 && WORD.test(text.charAt(at - 1)))) return undefined;
  const typed = text.slice(at + 1, caret);
  return /[\s@]/u.test(typed) || typed.length > 64 ? undefined : { at, typed };
}

/** Names that begin with what is typed. Everyone is the last one, because Enter chooses the first. */
export function namesToOffer(typed: string, userIds: readonly string[]): string[] {
  const begins = (name: string) => name.toLowerCase().startsWith(typed.toLowerCase());
  const everyone = begins(EVERYONE) && !userIds.includes(EVERYONE) ? [EVERYONE] : [];
  return [...userIds.filter(begins).slice(0, OFFERED - everyone.length), ...everyone];
}

function isNamedAt(text: string, at: number, name: string): boolean {
  return text.startsWith(name, at) && !WORD.test(text.charAt(at + name.length));
}
