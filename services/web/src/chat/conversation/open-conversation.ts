import type { ChatError, ShownMessage } from '@chat-cluster/client';
import type { FullConversation } from '@chat-cluster/client/groups';
import { createContext, use } from 'react';

/** A message that is stored. */
export type StoredMessage = Extract<ShownMessage, { seq: number }>;

/** What the composer does instead of a plain message. */
export type Task = { kind: 'reply' | 'edit'; message: StoredMessage };

/** The conversation that is shown, for the parts of its messages. The same object until another one is shown. */
export interface OpenConversation {
  readonly conversation: FullConversation;
  /** Lets the composer reply to a message or edit it. */
  compose(task: Task): void;
  /** Shows who has read a message, its reactions and its earlier texts. */
  showDetails(seq: number): void;
  /** Leads to a message, loaded or not. */
  jumpTo(seq: number): void;
  /** Opens the actions of a message beside the button. */
  openMenu(message: StoredMessage, button: HTMLElement): void;
  /**
   * Resolves with whether a change succeeded, and reports a failure. `textOf`: the report; default: the message of the
   * error.
   */
  attempt(change: Promise<unknown>, textOf?: (error: ChatError) => string): Promise<boolean>;
}

export const OpenConversationContext = createContext<OpenConversation | undefined>(undefined);

export function useOpenConversation(): OpenConversation {
  const open = use(OpenConversationContext);
  if (!open) throw new Error('This component needs an open conversation around it.');
  return open;
}

/** Emojis that the actions of a message offer. */
export const OFFERED_EMOJIS = ['👍', '❤️', '😂', '🎉', '😮', '😢'] as const;
