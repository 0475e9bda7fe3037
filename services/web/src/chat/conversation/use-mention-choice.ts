import type { FullConversation } from '@chat-cluster/client/groups';
import { type KeyboardEvent, type RefObject, useEffect, useState } from 'react';
import { useUserId } from '../session/session-context.ts';
import { useFrameSnapshot } from '../use-frame-snapshot.ts';
import { mentionBefore, namesToOffer } from './mentions.ts';

export interface MentionChoice {
  /** Names that complete what the user types; empty: none. */
  names: readonly string[];
  /** The index of the chosen one. */
  at: number;
  choose(name: string): void;
  /** True: the key was for the choice. */
  onKeyDown(event: KeyboardEvent): boolean;
  /** To be called when the text or the caret has changed. */
  look(): void;
}

interface MentionField {
  conversation: FullConversation;
  isGroup: boolean;
  field: RefObject<HTMLTextAreaElement | null>;
  onText(text: string): void;
}

/** Completes `@` with the members of a group. Their list is loaded when the user types the first `@`. */
export function useMentionChoice({ conversation, isGroup, field, onText }: MentionField): MentionChoice {
  const userId = useUserId();
  const [query, setQuery] = useState<{ at: number; typed: string }>();
  const [at, setAt] = useState(0);
  const { members, hasMore, isLoading } = useFrameSnapshot(conversation.members);
  const isAsked = query !== undefined;
  useEffect(() => {
    // After a failure the next `@` tries again.
    if (isAsked && hasMore && !isLoading) conversation.members.loadMore().catch(() => setQuery(undefined));
  }, [conversation, isAsked, hasMore, isLoading]);
  const others = members.map((one) => one.userId).filter((id) => id !== userId);
  const names = query === undefined ? [] : namesToOffer(query.typed, others);
  const look = () => {
    const { value = '', selectionStart = 0 } = field.current ?? {};
    const next = isGroup ? mentionBefore(value, selectionStart) : undefined;
    if (next?.at === query?.at && next?.typed === query?.typed) return;
    setQuery(next);
    setAt(0);
  };
  const choose = (name: string) => {
    const element = field.current;
    if (!element || !query) return;
    const end = query.at + 1 + query.typed.length;
    const before = `${element.value.slice(0, query.at)}@${name} `;
    onText(before + element.value.slice(end).replace(/^ /, ''));
    setQuery(undefined);
    // React sets the text first.
    requestAnimationFrame(() => {
      element.focus();
      element.setSelectionRange(before.length, before.length);
    });
  };
  const onKeyDown = ({ key, shiftKey }: KeyboardEvent): boolean => {
    const chosen = names[at];
    if (chosen === undefined) return false;
    if (key === 'ArrowDown') setAt((at + 1) % names.length);
    else if (key === 'ArrowUp') setAt((at + names.length - 1) % names.length);
    else if (key === 'Escape') setQuery(undefined);
    else if ((key === 'Enter' || key === 'Tab') && !shiftKey) choose(chosen);
    else return false;
    return true;
  };
  return { names, at, choose, onKeyDown, look };
}
