import type { FullConversation } from '@chat-cluster/client/groups';
import { useEffect, useRef, useState } from 'react';
import { CONTENT_LENGTH } from '../limits.ts';
import classes from './composer.module.css';
import { mentionsOf } from './composer.tsx';
import { MessageField } from './message-field.tsx';
import { type StoredMessage, useOpenConversation } from './open-conversation.ts';
import { refusalOf } from './refusal.ts';
import { TaskBar } from './task-bar.tsx';

interface EditorProps {
  conversation: FullConversation;
  isGroup: boolean;
  message: StoredMessage;
  onEnd(): void;
}

/**
 * In place of the composer: the new text of a message. Enter saves it, Escape keeps the text as it was. A text that is
 * refused stays in the field.
 */
export function Editor({ conversation, isGroup, message, onEnd }: EditorProps) {
  const { attempt } = useOpenConversation();
  const [text, setText] = useState(message.content ?? '');
  const [isSaving, setIsSaving] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const isOpen = useRef(true);
  useEffect(() => {
    isOpen.current = true;
    field.current?.focus();
    return () => {
      isOpen.current = false;
    };
  }, []);
  const save = async () => {
    if (text === message.content) return onEnd();
    const named = isGroup ? mentionsOf(conversation, text).mentions : [];
    // The list of members may not be loaded: who was mentioned before stays so.
    const kept = (message.mentions ?? []).filter((userId) => text.includes(`@${userId}`));
    const edit = conversation.edit(message.seq, { content: text, mentions: [...new Set([...kept, ...named])] });
    setIsSaving(true);
    const isSaved = await attempt(edit, (error) => refusalOf(error, 'edited'));
    // The user may have left the field meanwhile, and begun something else.
    if (!isOpen.current) return;
    if (isSaved) onEnd();
    else setIsSaving(false);
  };
  return (
    <div className={classes.composer}>
      <TaskBar kind="edit" message={message} onEnd={onEnd} />
      <MessageField
        conversation={conversation}
        isGroup={isGroup}
        field={field}
        text={text}
        onText={setText}
        label="New text of the message"
        action={{
          label: 'Save',
          icon: 'check',
          isReady: !isSaving && text.trim() !== '' && text.length <= CONTENT_LENGTH,
          run: save,
        }}
        onEscape={onEnd}
      />
    </div>
  );
}
