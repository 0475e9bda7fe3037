import type { FullConversation, MessageVersion, Readers } from '@chat-cluster/client/groups';
import { type ReactNode, useEffect, useState } from 'react';
import { Dialog } from '../../ui/dialog.tsx';
import { formatFull } from '../../ui/formats.ts';
import { UserName } from '../../ui/user-name.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import classes from '../group/members.module.css';
import { useInfo } from '../use-info.ts';

interface MessageDetailsProps {
  conversation: FullConversation;
  seq: number;
  onClose(): void;
}

interface Details {
  readers: Readers;
  reactors: readonly { emoji: string; userIds: readonly string[] }[];
  versions: readonly MessageVersion[];
}

/** Who has read a message or has it on a device, who has reacted, and the texts that it had before. */
export function MessageDetails({ conversation, seq, onClose }: MessageDetailsProps) {
  const [details, setDetails] = useState<Details>();
  const [problem, setProblem] = useState<string>();
  // The list shows new marks and reactions as they come; the dialog follows them.
  const mark = useInfo(conversation, (info) => JSON.stringify([info?.readMarks, info?.rev]));
  const delivered = useInfo(conversation, () => conversation.receipts(seq).delivered.join('\n'));
  // biome-ignore lint/correctness/useExhaustiveDependencies: `mark` is a reason to load again
  useEffect(() => {
    let isEnded = false;
    loadDetails(conversation, seq).then(
      (loaded) => isEnded || setDetails(loaded),
      (error: Error) => isEnded || setProblem(error.message),
    );
    return () => {
      isEnded = true;
    };
  }, [conversation, seq, mark]);
  return (
    <Dialog title="Details of the message" onClose={onClose}>
      {problem && (
        <p className={classes.problem} role="alert">
          {problem}
        </p>
      )}
      {!details && !problem && <p>Loading …</p>}
      {details && (
        <>
          <Part title={`Read by ${details.readers.count} of ${details.readers.of}`}>
            <Names userIds={details.readers.userIds} />
          </Part>
          {delivered !== '' && (
            <Part title="Delivered to">
              <Names userIds={delivered.split('\n')} />
            </Part>
          )}
          {details.reactors.map(({ emoji, userIds }) => (
            <Part key={emoji} title={<bdi>{visibleText(emoji)}</bdi>}>
              <Names userIds={userIds} />
            </Part>
          ))}
          {details.versions.length > 0 && (
            <Part title="Earlier texts">
              <ol className={classes.versions}>
                {details.versions.map(({ content, editedAt }) => (
                  <li key={editedAt}>
                    <span dir="auto">{content}</span>
                    <time dateTime={editedAt}>until {formatFull(Date.parse(editedAt))}</time>
                  </li>
                ))}
              </ol>
            </Part>
          )}
        </>
      )}
    </Dialog>
  );
}

async function loadDetails(conversation: FullConversation, seq: number): Promise<Details> {
  const message = conversation.messages.get().messages.find((one) => one.seq === seq);
  const reactions = message?.seq === undefined ? [] : (message.reactions ?? []);
  const [readers, versions, reactors] = await Promise.all([
    conversation.readers(seq),
    message?.seq !== undefined && message.editedAt ? conversation.versions(seq) : [],
    Promise.all(reactions.map(async ({ emoji }) => ({ emoji, userIds: await conversation.reactors(seq, emoji) }))),
  ]);
  return { readers, versions, reactors };
}

function Part({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.part}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Names({ userIds }: { userIds: readonly string[] }) {
  if (userIds.length === 0) return null;
  return (
    <ul className={classes.names}>
      {userIds.map((userId) => (
        <li key={userId}>
          <UserName id={userId} />
        </li>
      ))}
    </ul>
  );
}
