import { visibleText } from '../../ui/visible-text.ts';
import { beginningOf } from '../conversation/excerpt.ts';
import { USER_ID_LENGTH } from '../limits.ts';

/** The user ids in a text, separated by commas or lines; each once. */
export function userIdsIn(text: string): string[] {
  const ids = text.split(/[,\n]/).map((id) => id.trim());
  return [...new Set(ids)].filter((id) => id !== '');
}

/** Why these cannot be user ids, as a sentence; undefined: they can. */
export function problemOfIds(userIds: readonly string[]): string | undefined {
  const long = userIds.find((id) => id.length > USER_ID_LENGTH);
  if (long === undefined) return undefined;
  return `A user id has at most ${USER_ID_LENGTH} characters: ${visibleText(beginningOf(long, 20))}…`;
}
