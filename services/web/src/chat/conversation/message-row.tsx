import type { ChatError, Hole, ShownMessage } from '@chat-cluster/client';
import { memo } from 'react';
import { formatDay, formatTime } from '../../ui/formats.ts';
import { Icon } from '../../ui/icon.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import { Sentence } from '../sentence.tsx';
import { useUserId } from '../session/session-context.ts';
import { sentenceOf } from '../system-entry.ts';
import { Bubble } from './bubble.tsx';
import { HoleMark } from './hole-mark.tsx';
import classes from './message.module.css';
import { type StoredMessage, useOpenConversation } from './open-conversation.ts';
import { Reactions } from './reactions.tsx';
import type { Row } from './row.ts';

interface MessageRowProps {
  row: Row;
  /** The one message whose actions the tab key reaches; arrow keys reach the others. */
  isTabStop: boolean;
  /** The user was led to it. */
  isMarked: boolean;
  onLoadHole(hole: Hole): Promise<void>;
  onRetry(clientMessageId: string): void;
  onDiscard(clientMessageId: string): void;
  /** A long text is shown whole. */
  isShownWhole: boolean;
  onShowWhole(key: string, isWhole: boolean): void;
}

/** A message and the marks below it. Drawn again only when something of it has changed: then its row is another object. */
export const MessageRow = memo(function MessageRow(props: MessageRowProps) {
  const { row, isTabStop, isMarked, onLoadHole, onRetry, onDiscard, isShownWhole, onShowWhole } = props;
  const { message, isMine, isContinued, dayBelow, newBelow, hole } = row;
  const stored = message.seq === undefined ? undefined : message;
  return (
    <>
      {stored?.system ? (
        <SystemLine message={stored} />
      ) : (
        <article
          ref={isMarked ? focusActions : undefined}
          className={classes.message}
          data-mine={isMine}
          data-continued={isContinued}
          data-marked={isMarked}
          aria-label={nameOf(row)}
        >
          <div className={classes.line}>
            <Bubble row={row} isShownWhole={isShownWhole} onShowWhole={onShowWhole} />
            {stored && hasActions(row) && <ActionsButton message={stored} isTabStop={isTabStop} />}
          </div>
          {stored?.reactions && <Reactions message={stored} />}
          {message.status === 'failed' && <Failure message={message} onRetry={onRetry} onDiscard={onDiscard} />}
        </article>
      )}
      {hole && <HoleMark hole={hole} onLoad={onLoadHole} />}
      {dayBelow !== undefined && <DayMark at={dayBelow} />}
      {newBelow && (
        <div className={classes.newMark}>
          <span>New messages</span>
        </div>
      )}
    </>
  );
});

/** The focus goes where the user was led: what led there may leave the document. */
function focusActions(message: HTMLElement | null): void {
  message?.querySelector<HTMLElement>('[data-actions]')?.focus({ preventScroll: true });
}

/** Only messages that are stored and not deleted can be changed. */
export function hasActions({ message }: Row): boolean {
  return message.seq !== undefined && !message.system && message.deletedAt === undefined;
}

export function DayMark({ at }: { at: number }) {
  return (
    <div className={classes.dayMark}>
      <span>{formatDay(at, Date.now())}</span>
    </div>
  );
}

/** What happened to the group, such as a new member. */
function SystemLine({ message }: { message: StoredMessage }) {
  const userId = useUserId();
  return (
    <p className={classes.system}>
      <Sentence parts={sentenceOf(message, userId)} />
    </p>
  );
}

/** Opens the actions: beside the pointer, on a touch screen always there, and for the keyboard. */
function ActionsButton({ message, isTabStop }: { message: StoredMessage; isTabStop: boolean }) {
  const { openMenu } = useOpenConversation();
  return (
    <button
      type="button"
      className={classes.actions}
      data-actions
      aria-label="Actions"
      aria-haspopup="menu"
      tabIndex={isTabStop ? 0 : -1}
      onClick={({ currentTarget }) => openMenu(message, currentTarget)}
    >
      <Icon name="more" size={16} />
    </button>
  );
}

interface FailureProps {
  message: ShownMessage;
  onRetry(clientMessageId: string): void;
  onDiscard(clientMessageId: string): void;
}

function Failure({ message, onRetry, onDiscard }: FailureProps) {
  const { clientMessageId } = message;
  const error = message.seq === undefined ? message.error : undefined;
  return (
    <div className={classes.failure}>
      <span>{reasonOf(error)}</span>
      <span className={classes.failureActions}>
        <button type="button" onClick={() => onRetry(clientMessageId)}>
          Retry
        </button>
        <button type="button" onClick={() => onDiscard(clientMessageId)}>
          Discard
        </button>
      </span>
    </div>
  );
}

/** These errors of the client address the developer of an application; users get a text of their own. */
function reasonOf(error: ChatError | undefined): string {
  if (error?.code === 'EXPIRED_IN_OUTBOX') return 'Not sent: there was no connection for a day.';
  if (error?.code === 'OUTBOX_FULL') return 'Not sent: too many messages wait to be sent.';
  return error ? `Not sent: ${error.message}` : 'Not sent.';
}

function nameOf({ message, isMine, at }: Row): string {
  const sender = isMine || message.seq === undefined ? 'You' : visibleText(message.senderId);
  return `${sender}, ${formatTime(at)}`;
}
