import type { Conversation, Hole } from '@chat-cluster/client';
import { type KeyboardEvent, memo, type RefObject, useCallback, useImperativeHandle, useRef, useState } from 'react';
import { formatDay, timeOfDay } from '../../ui/formats.ts';
import { visibleText } from '../../ui/visible-text.ts';
import { useUserId } from '../session/session-context.ts';
import { useFrameSnapshot } from '../use-frame-snapshot.ts';
import { EmptyConversation, LoadingMessages } from './empty-conversation.tsx';
import { JumpButton } from './jump-button.tsx';
import classes from './message-list.module.css';
import { MessageMenu, type OpenMenu } from './message-menu.tsx';
import { DayMark, hasActions, MessageRow } from './message-row.tsx';
import type { Row } from './row.ts';
import { lastSeqOf, newerThan, useHistory } from './use-history.ts';
import { useJump } from './use-jump.ts';
import { useQuietState } from './use-quiet-state.ts';
import { useRows } from './use-rows.ts';
import { useSeen } from './use-seen.ts';
import { type RowVirtualizer, useVirtualRows } from './use-virtual-rows.ts';

export interface MessageListHandle {
  /** The user has sent a message: it is shown, and nothing is marked as new. */
  showSent(): void;
  /** Moves the focus to the actions of the newest message that has some. */
  focusNewest(): void;
  /** Leads to a message, loaded or not. */
  jumpTo(seq: number): void;
}

interface MessageListProps {
  conversation: Conversation;
  /** The name of the conversation. */
  title: string;
  isGroup: boolean;
  handle: RefObject<MessageListHandle | null>;
  /** The user leaves the conversation by keyboard. */
  onLeave(): void;
  /** The message whose actions are open. */
  menu: OpenMenu | undefined;
  onMenuClose(): void;
}

/** The messages of a conversation, of which only those near the screen are in the document. */
export const MessageList = memo(function MessageList(props: MessageListProps) {
  const { conversation, title, isGroup, handle, onLeave, menu, onMenuClose } = props;
  const userId = useUserId();
  const { messages, holes, hasOlder, isLoading } = useFrameSnapshot(conversation.messages);
  const newer = newerThan({ messages, holes });
  const [isAtEnd, setAtEnd] = useQuietState(true);
  // An open menu is beside its message, and closes when the view moves: new messages wait below the screen.
  const isPaused = menu !== undefined;
  const isEndOnScreen = isAtEnd && !isPaused && messages.length > 0;
  const { seen, newAfterSeq, forgetMark } = useSeen(conversation, lastSeqOf(messages), isEndOnScreen);
  const rows = useRows({ messages, holes: newer ? holes.slice(0, -1) : holes, userId, newAfterSeq });
  const { loadOlder, loadNewer, openNewest, retry, problem } = useHistory(conversation);
  const scroller = useRef<HTMLDivElement>(null);
  const hasNewer = newer !== undefined;
  const virtual = { rows, scroller, hasNewer, isLoading, isPaused, onAtEnd: setAtEnd, loadOlder, loadNewer };
  const { list, floatingDay, stick, release, showEnd, showRow } = useVirtualRows(virtual);
  const { marked, jumpTo } = useJump({ conversation, rows, showRow });
  const showNewest = () => {
    if (openNewest()) stick();
    else showEnd();
  };
  useImperativeHandle(handle, () => ({
    showSent() {
      forgetMark();
      openNewest();
      stick();
    },
    focusNewest: () => actionsIn(scroller.current).at(-1)?.focus(),
    jumpTo,
  }));

  return (
    <div className={classes.area}>
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      {/* New messages are announced by the region beside the list; those that scrolling shows are not. */}
      <div
        ref={scroller}
        className={classes.scroller}
        role="log"
        aria-live="off"
        aria-label={`Messages ${isGroup ? 'in' : 'with'} ${visibleText(title)}`}
        aria-busy={isLoading}
        tabIndex={0}
        onKeyDown={(event) => (event.key === 'Escape' ? onLeave() : moveFocus(event))}
      >
        <div ref={list.containerRef} className={classes.rows} hidden={rows.length === 0}>
          <TopMark hasOlder={hasOlder} problem={problem} firstAt={rows[0]?.at} onRetry={retry} />
          <RowsInView list={list} rows={rows} conversation={conversation} marked={marked} onGrow={release} />
        </div>
        {rows.length === 0 &&
          (isLoading || hasOlder ? <LoadingMessages /> : <EmptyConversation title={title} isGroup={isGroup} />)}
      </div>
      {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: see above */}
      {!isAtEnd && floatingDay !== undefined && <FloatingDay day={floatingDay} />}
      {!isAtEnd && rows.length > 0 && (
        <JumpButton count={countUnseen(rows, newer, seen.current?.upToSeq)} onJump={showNewest} />
      )}
      <MessageMenu open={menu} scroller={scroller} onClose={onMenuClose} />
    </div>
  );
});

function actionsIn(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>('[data-actions]') ?? [])];
}

/** Arrow keys move the focus among the actions of the messages. Elsewhere in the list they scroll. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const all = actionsIn(event.currentTarget);
  const at = all.indexOf(event.target as HTMLElement);
  if (step === undefined || at === -1) return;
  event.preventDefault();
  all[at + step]?.focus();
}

interface TopMarkProps {
  hasOlder: boolean;
  problem: string | undefined;
  firstAt: number | undefined;
  onRetry(): void;
}

/** Above the first loaded message: the day on which the conversation began, or that more is being loaded. */
function TopMark({ hasOlder, problem, firstAt, onRetry }: TopMarkProps) {
  if (!hasOlder) return <div className={classes.top}>{firstAt !== undefined && <DayMark at={firstAt} />}</div>;
  return (
    <div className={classes.top}>
      {problem === undefined ? (
        <span>Loading older messages …</span>
      ) : (
        <span role="alert">
          Older messages could not be loaded: {problem}{' '}
          <button type="button" className={classes.retry} onClick={onRetry}>
            Try again
          </button>
        </span>
      )}
    </div>
  );
}

interface RowsInViewProps {
  list: RowVirtualizer;
  rows: readonly Row[];
  conversation: Conversation;
  /** The message to which the user was led. */
  marked: number | undefined;
  /** A row on the screen will grow because the user reads it: it must stay in its place. */
  onGrow(): void;
}

/** The rows near the screen. Their heights are measured. */
function RowsInView({ list, rows, conversation, marked, onGrow }: RowsInViewProps) {
  // Kept here, because a row that leaves the screen leaves the document.
  const [whole] = useState(() => new Set<string>());
  const onShowWhole = useCallback(
    (key: string, isWhole: boolean) => {
      onGrow();
      if (isWhole) whole.add(key);
      else whole.delete(key);
    },
    [whole, onGrow],
  );
  const onLoadHole = useCallback((hole: Hole) => conversation.loadHole(hole), [conversation]);
  const onRetry = useCallback((id: string) => void conversation.retry(id), [conversation]);
  const onDiscard = useCallback((id: string) => conversation.discard(id), [conversation]);
  const tabStop = rows.findLast(hasActions);
  return list.getVirtualItems().map(({ key, index }) => {
    const row = rows[index];
    return (
      row && (
        <div key={key} ref={list.measureElement} data-index={index} className={classes.row}>
          <MessageRow
            row={row}
            isTabStop={row === tabStop}
            isMarked={marked !== undefined && row.message.seq === marked}
            onLoadHole={onLoadHole}
            onRetry={onRetry}
            onDiscard={onDiscard}
            isShownWhole={whole.has(row.key)}
            onShowWhole={onShowWhole}
          />
        </div>
      )
    );
  });
}

/** The day of the message at the top of the view. */
function FloatingDay({ day }: { day: number }) {
  return (
    <div className={classes.floatingDay} aria-hidden="true">
      <span>{formatDay(timeOfDay(day), Date.now())}</span>
    </div>
  );
}

/** Messages of others behind the last seen one, and all that are not loaded. */
function countUnseen(rows: readonly Row[], newer: Hole | undefined, upToSeq: number | undefined): number {
  if (upToSeq === undefined) return 0;
  let count = newer ? newer.toSeq - Math.max(newer.fromSeq - 1, upToSeq) : 0;
  for (let index = rows.length - 1; index >= 0; index--) {
    const row = rows[index] as Row;
    if (row.message.seq !== undefined && row.message.seq <= upToSeq) break;
    if (!row.isMine && !(row.message.seq !== undefined && row.message.system)) count++;
  }
  return count;
}
