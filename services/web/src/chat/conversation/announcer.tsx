import type { Conversation } from '@chat-cluster/client';
import { useChatClient } from '@chat-cluster/client/react';
import { VisuallyHidden } from '@mantine/core';
import { useEffect, useState } from 'react';
import { visibleText } from '../../ui/visible-text.ts';
import { useUserId } from '../session/session-context.ts';
import { textOfEntry } from '../system-entry.ts';

/** Time in which messages are collected for one announcement, in ms. */
const COLLECT_MS = 800;

/** Announces new messages to screen readers: one with its text, several with their number. */
export function Announcer({ conversation }: { conversation: Conversation }) {
  const client = useChatClient();
  const userId = useUserId();
  const [text, setText] = useState('');
  useEffect(() => {
    let count = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const off = client.on('message', (message) => {
      const { conversationId, senderId, content, attachments, system } = message;
      if (conversationId !== conversation.id || senderId === userId) return;
      count++;
      const sender = visibleText(senderId);
      const files = attachments.length === 1 ? '1 attachment' : `${attachments.length} attachments`;
      const one = system ? textOfEntry(message, userId) : `${sender}: ${content ?? files}`;
      timer ??= setTimeout(() => {
        setText(count === 1 ? one : `${count} new messages`);
        count = 0;
        timer = undefined;
      }, COLLECT_MS);
    });
    return () => {
      off();
      clearTimeout(timer);
    };
  }, [client, conversation, userId]);
  return (
    <VisuallyHidden component="div" aria-live="polite">
      {text}
    </VisuallyHidden>
  );
}
