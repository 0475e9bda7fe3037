import type { Attachment } from '@chat-cluster/client';
import type { FullConversation } from '@chat-cluster/client/groups';
import { memo, useCallback, useEffect, useRef, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { isolatedText, visibleText } from '../../ui/visible-text.ts';
import { ATTACHMENTS, CONTENT_LENGTH, MENTIONS } from '../limits.ts';
import { useFocusMove } from '../pane/pane-view.ts';
import { AddAttachment } from './add-attachment.tsx';
import classes from './composer.module.css';
import { type Draft, type Drafts, EMPTY_DRAFT } from './drafts.ts';
import { beginningOf } from './excerpt.ts';
import { fileNameOf } from './links.ts';
import { mentionsIn } from './mentions.ts';
import { MessageField } from './message-field.tsx';
import type { StoredMessage } from './open-conversation.ts';
import { TaskBar } from './task-bar.tsx';

interface ComposerProps {
  conversation: FullConversation;
  /** The name of the conversation. */
  title: string;
  isGroup: boolean;
  drafts: Drafts;
  /** The message to which the next one replies. */
  replyTo: StoredMessage | undefined;
  onReplyEnd(): void;
  onSent(): void;
  onLeave(): void;
  /** The user goes up from the empty field. */
  onUp(): void;
}

/** Enter sends, Shift and Enter begin a line, Escape ends a reply or leaves. */
export const Composer = memo(function Composer(props: ComposerProps) {
  const { conversation, title, isGroup, drafts, replyTo, onReplyEnd, onSent, onLeave, onUp } = props;
  const [draft, setDraft] = useState(() => drafts.get(conversation.id));
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  const isReady = (draft.text.trim() !== '' || draft.attachments.length > 0) && draft.text.length <= CONTENT_LENGTH;
  useEffect(() => () => conversation.typing(false), [conversation]);
  useFocusMove(
    'composer',
    useCallback(() => field.current?.focus(), []),
  );
  useEffect(() => {
    // Names that are typed without a choice are mentions too. A group of more members loads others at the first `@`.
    if (isGroup && conversation.members.get().members.length === 0) conversation.members.loadMore().catch(() => {});
  }, [conversation, isGroup]);
  useEffect(() => {
    if (replyTo) field.current?.focus();
  }, [replyTo]);

  const change = (next: Draft) => {
    setDraft(next);
    setProblem(undefined);
    drafts.set(conversation.id, next);
  };
  const write = (text: string) => {
    change({ ...draft, text });
    conversation.typing(text !== '');
  };
  const send = () => {
    try {
      conversation.send({
        content: draft.text.trim() === '' ? null : draft.text,
        attachments: draft.attachments,
        ...(replyTo && { replyToSeq: replyTo.seq }),
        ...(isGroup && mentionsOf(conversation, draft.text)),
      });
    } catch (error) {
      return setProblem((error as Error).message);
    }
    conversation.typing(false);
    change(EMPTY_DRAFT);
    onReplyEnd();
    onSent();
    field.current?.focus();
  };
  const add = (attachment: Attachment) => {
    change({ ...draft, attachments: [...draft.attachments, attachment] });
    field.current?.focus();
  };
  return (
    <div className={classes.composer}>
      {replyTo && <TaskBar kind="reply" message={replyTo} onEnd={onReplyEnd} />}
      {draft.attachments.length > 0 && (
        <AttachmentChips
          attachments={draft.attachments}
          onRemove={(attachment) =>
            change({ ...draft, attachments: draft.attachments.filter((other) => other !== attachment) })
          }
        />
      )}
      {problem && (
        <p className={classes.problem} role="alert">
          {problem}
        </p>
      )}
      <MessageField
        conversation={conversation}
        isGroup={isGroup}
        field={field}
        text={draft.text}
        onText={write}
        label={`Message to ${visibleText(title)}`}
        placeholder={`Message ${isolatedText(shortened(title))}`}
        action={{ label: 'Send', icon: 'send', isReady, run: send }}
        onEscape={replyTo ? onReplyEnd : onLeave}
        onUp={onUp}
        start={<AddAttachment onAdd={add} isFull={draft.attachments.length >= ATTACHMENTS} />}
      />
    </div>
  );
});

/** Characters of a name in the empty field, which would grow for a long one. */
const SHOWN_NAME = 20;

function shortened(title: string): string {
  return title.length > SHOWN_NAME ? `${beginningOf(title, SHOWN_NAME)}…` : title;
}

/** The members whom a text mentions, as far as their list is loaded: it is, once the user has typed an `@`. */
export function mentionsOf({ members }: FullConversation, text: string) {
  const { mentions, mentionsAll } = mentionsIn(
    text,
    members.get().members.map(({ userId }) => userId),
  );
  return { mentions: mentions.slice(0, MENTIONS), mentionsAll };
}

interface AttachmentChipsProps {
  attachments: readonly Attachment[];
  onRemove(attachment: Attachment): void;
}

function AttachmentChips({ attachments, onRemove }: AttachmentChipsProps) {
  return (
    <ul className={classes.chips} aria-label="Attachments of this message">
      {attachments.map((attachment) => (
        <li key={attachment.url} className={classes.chip}>
          <Icon name={attachment.type === 'PDF' ? 'file' : 'image'} size={15} />
          <bdi className={classes.chipName}>{fileNameOf(attachment.url)}</bdi>
          <button
            type="button"
            aria-label={`Remove ${fileNameOf(attachment.url)}`}
            onClick={() => onRemove(attachment)}
          >
            <Icon name="close" size={13} />
          </button>
        </li>
      ))}
    </ul>
  );
}
