import type { MessageView } from '@chat-cluster/contracts';
import { useCallback } from 'react';
import { visibleText } from '../../ui/visible-text.ts';
import type { ClusterSource } from '../data/cluster-source.ts';
import { formatAge, formatCount, formatTime } from '../data/format-figures.ts';
import { messageLink } from '../data/page-route.ts';
import { StatusMark } from '../parts/status-mark.tsx';
import { UserLink } from '../parts/user-link.tsx';
import classes from './lookup.module.css';
import { LookupPanel } from './lookup-panel.tsx';

/** The lane and the worker of one message or conversation, and the time at which the message was stored. */
export function MessageLookup({ source, id }: { source: ClusterSource; id: string | undefined }) {
  const request = useCallback((id: string, signal: AbortSignal) => source.message(id, signal), [source]);
  return (
    <LookupPanel
      title="Message or conversation"
      note="Lane, worker and sequence, without content"
      anchor="message"
      label="Id of a message or a conversation"
      placeholder="Id of a message or a conversation"
      maxLength={128}
      id={id}
      request={request}
      linkOf={messageLink}
    >
      {(view) => <MessageFacts view={view} />}
    </LookupPanel>
  );
}

function MessageFacts({ view }: { view: MessageView }) {
  const { of, conversationId, participantIds, lastSeq, lane, worker, message } = view;
  return (
    <dl className={classes.facts} aria-label={of === 'message' ? 'Message' : 'Conversation'}>
      {message && <OwnFacts message={message} lastSeq={lastSeq} />}
      <Fact name="Conversation">
        <a className={classes.code} href={messageLink(conversationId)}>
          {conversationId}
        </a>
      </Fact>
      <Fact name="Participants">
        <UserLinks ids={participantIds} />
      </Fact>
      {!message && <Fact name="Last sequence">{formatCount(lastSeq)}</Fact>}
      <Fact name="Lane">{lane}</Fact>
      <Fact name="Worker">{worker ?? <StatusMark tone="bad">None holds the lane</StatusMark>}</Fact>
    </dl>
  );
}

/** The facts of a message that its conversation does not have. */
function OwnFacts({ message, lastSeq }: { message: NonNullable<MessageView['message']>; lastSeq: number }) {
  const now = Date.now();
  return (
    <>
      <Fact name="Message">
        <span className={classes.code}>{message.id}</span>
      </Fact>
      <Fact name="Sequence">
        {formatCount(message.seq)} of {formatCount(lastSeq)}
      </Fact>
      <Fact name="Stored">
        {formatTime(message.storedAt, now)} ({formatAge(now - message.storedAt)} ago)
      </Fact>
      <Fact name="Sender">
        <UserLink id={message.senderId} />
      </Fact>
      <Fact name="Read by">{message.readBy.length === 0 ? 'Not read yet' : <UserLinks ids={message.readBy} />}</Fact>
      <Fact name="Client message id">
        <bdi className={classes.code}>{visibleText(message.clientMessageId)}</bdi>
      </Fact>
    </>
  );
}

function UserLinks({ ids }: { ids: readonly string[] }) {
  return ids.map((id, index) => (
    <span key={id}>
      {index > 0 && ', '}
      <UserLink id={id} />
    </span>
  ));
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
