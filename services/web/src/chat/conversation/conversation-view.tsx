import type { ChatError } from '@chat-cluster/client';
import type { FullConversation } from '@chat-cluster/client/groups';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import { MembersDialog } from '../group/members-dialog.tsx';
import { usePaneView } from '../pane/pane-view.ts';
import { browserTexts } from '../session/browser-storage.ts';
import { useClient, useUserId } from '../session/session-context.ts';
import { titleOf } from '../title.ts';
import { useInfo } from '../use-info.ts';
import { Announcer } from './announcer.tsx';
import { Composer } from './composer.tsx';
import { ConversationHead } from './conversation-head.tsx';
import classes from './conversation-view.module.css';
import { createDrafts } from './drafts.ts';
import { Editor } from './editor.tsx';
import { MessageDetails } from './message-details.tsx';
import { MessageList, type MessageListHandle } from './message-list.tsx';
import type { OpenMenu } from './message-menu.tsx';
import { type OpenConversation, OpenConversationContext, type Task } from './open-conversation.ts';
import { ReadOnlyNote } from './read-only-note.tsx';
import { useBlocked } from './use-blocked.ts';
import { useTask } from './use-task.ts';

/** The open conversation, or a hint when there is none. */
export function ConversationView() {
  const id = usePaneView((view) => view.conversationId);
  if (id === undefined) {
    return (
      <div className={classes.none}>
        <Icon name="chat" size={36} />
        <p>Choose a conversation, or start one with the pen.</p>
      </div>
    );
  }
  return <Conversation key={id} id={id} />;
}

/** What is open beside the messages. */
type Shown = { kind: 'members' } | { kind: 'details'; seq: number } | undefined;

function Conversation({ id }: { id: string }) {
  const conversation = useKeptConversation(id);
  const title = useInfo(conversation, (info) => (info ? titleOf(info) : ''));
  const isGroup = useInfo(conversation, (info) => info?.group !== undefined);
  const back = usePaneView((view) => view.back);
  const report = usePaneView((view) => view.report);
  const list = useRef<MessageListHandle>(null);
  const [task, setTask] = useTask(conversation);
  const [menu, setMenu] = useState<OpenMenu>();
  const [shown, setShown] = useState<Shown>();
  const open = useMemo<OpenConversation>(
    () => ({
      conversation,
      compose: setTask,
      showDetails: (seq) => setShown({ kind: 'details', seq }),
      jumpTo: (seq) => list.current?.jumpTo(seq),
      openMenu: (message, button) => setMenu({ message, button }),
      attempt: (change, textOf = ({ message }) => message) =>
        change.then(
          () => true,
          (error: ChatError) => {
            report(textOf(error));
            return false;
          },
        ),
    }),
    [conversation, report, setTask],
  );
  const closeMenu = useCallback(() => setMenu(undefined), []);
  const showMembers = useCallback(() => setShown({ kind: 'members' }), []);
  const close = () => setShown(undefined);
  return (
    <OpenConversationContext value={open}>
      <section className={classes.view} aria-label={`${isGroup ? 'Group' : 'Conversation with'} ${visibleText(title)}`}>
        <ConversationHead conversation={conversation} title={title} onBack={back} onMembers={showMembers} />
        <MessageList
          conversation={conversation}
          title={title}
          isGroup={isGroup}
          handle={list}
          onLeave={back}
          menu={menu}
          onMenuClose={closeMenu}
        />
        <Announcer conversation={conversation} />
        <ConversationFoot
          conversation={conversation}
          title={title}
          isGroup={isGroup}
          task={task}
          onTask={setTask}
          list={list}
        />
        {shown?.kind === 'members' && <MembersDialog conversation={conversation} onClose={close} />}
        {shown?.kind === 'details' && <MessageDetails conversation={conversation} seq={shown.seq} onClose={close} />}
      </section>
    </OpenConversationContext>
  );
}

interface ConversationFootProps {
  conversation: FullConversation;
  title: string;
  isGroup: boolean;
  task: Task | undefined;
  onTask(task: Task | undefined): void;
  list: React.RefObject<MessageListHandle | null>;
}

/** The composer, the editor of a message, or why the user cannot write. */
function ConversationFoot({ conversation, title, isGroup, task, onTask, list }: ConversationFootProps) {
  const userId = useUserId();
  const drafts = useMemo(() => createDrafts(userId, browserTexts), [userId]);
  const back = usePaneView((view) => view.back);
  const isMember = useInfo(conversation, (info) => info?.group?.role !== null);
  const blocked = useBlocked(useInfo(conversation, (info) => info?.otherUserId));
  const endTask = useCallback(() => onTask(undefined), [onTask]);
  const showSent = useCallback(() => list.current?.showSent(), [list]);
  const focusNewest = useCallback(() => list.current?.focusNewest(), [list]);
  if (!isMember)
    return <ReadOnlyNote>You are not a member of this group. You can read what you have seen.</ReadOnlyNote>;
  if (blocked.isBlocked) {
    return <ReadOnlyNote action={{ label: 'Unblock', run: blocked.unblock }}>You have blocked this user.</ReadOnlyNote>;
  }
  if (task?.kind === 'edit') {
    const { message } = task;
    return <Editor key={message.seq} conversation={conversation} isGroup={isGroup} message={message} onEnd={endTask} />;
  }
  return (
    <Composer
      // Each user has drafts of their own.
      key={userId}
      conversation={conversation}
      title={title}
      isGroup={isGroup}
      drafts={drafts}
      replyTo={task?.message}
      onReplyEnd={endTask}
      onSent={showSent}
      onLeave={back}
      onUp={focusNewest}
    />
  );
}

/** The conversation, whose messages are kept while it is shown. */
function useKeptConversation(id: string): FullConversation {
  const client = useClient();
  const conversation = useMemo(() => client.conversation(id), [client, id]);
  useEffect(() => {
    // Opens the messages again after StrictMode has released them.
    if (client.status.state !== 'closed') client.conversation(id);
    return () => conversation.release();
  }, [client, conversation, id]);
  return conversation;
}
