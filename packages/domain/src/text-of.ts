import type { Message } from '@chat-cluster/contracts';

/** Size of a message in an ack, in UTF-16 code units: its text, and about 300 for its fixed fields. */
export function textOf({ content, attachments, replyTo, mentions = [], reactions = [], system }: Message): number {
  const ofGroup = system && 'userIds' in system ? 40 * system.userIds.length : 0;
  const ofExtras = (replyTo?.text?.length ?? 0) + 40 * mentions.length + 60 * reactions.length + ofGroup;
  return 300 + (content?.length ?? 0) + attachments.reduce((sum, { url }) => sum + url.length, 0) + ofExtras;
}
