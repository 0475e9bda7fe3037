import type { Message } from '@chat-cluster/contracts';

/** Size of a message in an ack, in UTF-16 code units: its text, and about 300 for its fixed fields. */
export function textOf({ content, attachments }: Message): number {
  return 300 + (content?.length ?? 0) + attachments.reduce((sum, { url }) => sum + url.length, 0);
}
