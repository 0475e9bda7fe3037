import type { ConversationSnapshot } from '@chat-cluster/client';
import { useChatClient, useChatStatus, usePresence } from '@chat-cluster/client/react';
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import { WATCHED_USERS } from '../limits.ts';
import { useFocusMove, usePaneView } from '../pane/pane-view.ts';
import { useUserId } from '../session/session-context.ts';
import { useFrameSnapshot } from '../use-frame-snapshot.ts';
import { useNow } from '../use-page.ts';
import classes from './conversation-list.module.css';
import { ConversationRow } from './conversation-row.tsx';
import { StartConversation } from './start-conversation.tsx';

/** The conversations, newest activity first. Arrow keys move between them. */
export function ConversationList() {
  const userId = useUserId();
  const all = useFrameSnapshot(useChatClient().conversations);
  const [isArchive, setArchive] = useState(false);
  const archived = all.filter(({ settings }) => settings?.archived);
  const showsArchive = isArchive && archived.length > 0;
  const conversations = showsArchive ? archived : all.filter(({ settings }) => !settings?.archived);
  const openId = usePaneView((view) => view.conversationId);
  const choose = usePaneView((view) => view.choose);
  const list = useRef<HTMLUListElement>(null);
  useFocusMove(
    'list',
    useCallback(() => list.current?.querySelector<HTMLElement>('[data-row][tabindex="0"]')?.focus(), []),
  );
  const known = usePresence(peopleIn(conversations));
  // Without a connection nothing is known about the others.
  const presence = useChatStatus().state === 'live' ? known : {};
  const now = useNow(60_000);
  const focusable = conversations.some(({ id }) => id === openId) ? openId : conversations[0]?.id;
  return (
    <nav className={classes.list} aria-label={`Conversations of ${visibleText(userId ?? 'this user')}`}>
      <div className={classes.head}>
        <h2 className={classes.title}>Conversations</h2>
        <StartConversation />
      </div>
      <ul ref={list} className={classes.rows} onKeyDown={moveFocus}>
        {conversations.map((conversation) => (
          <ConversationRow
            key={conversation.id}
            conversation={conversation}
            userId={userId}
            presence={presence[conversation.otherUserId ?? '']}
            isOpen={conversation.id === openId}
            isFocusable={conversation.id === focusable}
            now={now}
            onOpen={choose}
          />
        ))}
        {archived.length > 0 && (
          <li>
            <button type="button" className={classes.archive} onClick={() => setArchive(!showsArchive)}>
              <Icon name={showsArchive ? 'back' : 'archive'} size={16} />
              {showsArchive ? 'Back to the conversations' : `Archive (${archived.length})`}
            </button>
          </li>
        )}
        <ListEnd count={all.length} />
      </ul>
    </nav>
  );
}

/** The other users of the newest direct conversations, as many as may be watched. */
function peopleIn(conversations: readonly ConversationSnapshot[]): string[] {
  return conversations.flatMap(({ otherUserId }) => otherUserId ?? []).slice(0, WATCHED_USERS);
}

/** Conversations that fill every screen. Further pages are loaded by a click only. */
const FULL = 30;

/** The end of the list: a button for older conversations, a problem, or a hint in an empty list. */
function ListEnd({ count }: { count: number }) {
  const { conversations } = useChatClient();
  const { state } = useChatStatus();
  const [problem, setProblem] = useState<string>();
  const [isLoading, setLoading] = useState(false);
  const hasMore = conversations.hasMore && state === 'live';
  const load = useCallback(() => {
    setLoading(true);
    setProblem(undefined);
    conversations
      .loadMore()
      .catch((error: Error) => setProblem(error.message))
      .finally(() => setLoading(false));
  }, [conversations]);
  useEffect(() => {
    if (hasMore && count < FULL) load();
  }, [hasMore, count, load]);
  if (hasMore && (count >= FULL || problem)) {
    return (
      <li className={classes.end}>
        {problem && <p className={classes.problem}>{problem}</p>}
        <button type="button" className={classes.more} onClick={load} disabled={isLoading}>
          {isLoading ? 'Loading …' : 'Show older conversations'}
        </button>
      </li>
    );
  }
  if (count > 0) return null;
  if (state === 'live' && !isLoading) {
    return <li className={classes.end}>No conversations yet. Start one with the pen above.</li>;
  }
  if (state === 'unauthorized' || state === 'signed_out' || state === 'closed') return null;
  return (
    <li className={classes.loading} aria-label="Loading conversations">
      <span />
      <span />
      <span />
    </li>
  );
}

/** Moves the focus among the rows: arrows, Home and End. */
function moveFocus(event: KeyboardEvent<HTMLUListElement>): void {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (next === undefined || !rows[next]) return;
  event.preventDefault();
  rows[next].focus();
}
