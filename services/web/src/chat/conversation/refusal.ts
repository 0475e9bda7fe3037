import type { ChatError } from '@chat-cluster/client';

/**
 * Why a message was not edited or deleted, as a sentence. The page offers both at any age: the time limits are settings of
 * the server, which clients do not know.
 */
export function refusalOf(
  { code, message }: Pick<ChatError, 'code' | 'message'>,
  change: 'edited' | 'deleted',
): string {
  if (code !== 'TOO_LATE') return `The message was not ${change}: ${message}`;
  return `The message was not ${change}, because it is too old: this server lets senders change a message for a limited time.`;
}
