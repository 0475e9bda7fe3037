import { checkId } from '../draft.ts';
import { check } from '../errors.ts';
import type { FullDraft } from './types.ts';
import { MENTIONS } from './wire.ts';

/** The fields of a draft that the extension adds. Throws a TypeError for one that the server would never accept. */
export function checkedExtras({ replyToSeq, mentions, mentionsAll }: FullDraft): object {
  if (replyToSeq !== undefined) checkSeq('replyToSeq', replyToSeq);
  if (mentions !== undefined) checkMentions(mentions);
  return {
    ...(replyToSeq !== undefined && { replyToSeq }),
    ...(mentions && mentions.length > 0 && { mentions: [...mentions] }),
    ...(mentionsAll && { mentionsAll }),
  };
}

export function checkMentions(mentions: readonly string[]): void {
  check(Array.isArray(mentions) && mentions.length <= MENTIONS, `mentions: pass at most ${MENTIONS} user ids.`);
  for (const userId of mentions) checkId('mentions', userId);
}

export function checkSeq(name: string, seq: number): void {
  check(Number.isSafeInteger(seq) && seq > 0, `${name}: pass the seq of a stored message.`);
}
