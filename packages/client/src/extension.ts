import type { Message, ReadAck } from '@chat-cluster/contracts';
import type { ConversationState } from './core/conversation-state.ts';
import type { CoreExtension } from './core/extension.ts';
import type { Conversation, DraftMessage, MessagesSnapshot } from './types.ts';

/** What an extension does inside of a client. */
export interface Extension extends CoreExtension {
  /** Data of the handshake, beside the token. */
  readonly handshake: { protocol: number };
  /** Events of the server that it takes in, beside those of the core. */
  readonly events: readonly string[];
  /** An event of the server, after the core has taken it in. */
  event(name: string, payload: unknown): void;
  /** A read mark of this user is stored. */
  marked(mark: ReadAck): void;
  /** A handle was created: adds the methods of the extension. */
  opened(handle: Conversation): void;
  /** What the snapshot of a conversation must not show as missing: the user may not see it. */
  visible(state: ConversationState, snapshot: MessagesSnapshot): Partial<MessagesSnapshot> | undefined;
  /** The message as the application sees it: with changes that are under way. The same object until it changes. */
  shown(message: Message): Message;
  /** The fields of a draft beside content and attachments. Throws a TypeError for one that the server would never accept. */
  draft(draft: DraftMessage): object;
}
