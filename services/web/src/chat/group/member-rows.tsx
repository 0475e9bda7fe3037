import type { FullConversation } from '@chat-cluster/client/groups';
import type { Role } from '@chat-cluster/contracts';
import { Button, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useFrameSnapshot } from '../use-frame-snapshot.ts';
import { MemberRow } from './member-row.tsx';
import classes from './members.module.css';

/** Members from which on the list has a search. */
const SEARCH_FROM = 10;

interface MemberRowsProps {
  conversation: FullConversation;
  memberCount: number;
  /** The role of the user of this page. */
  role: Role | null;
  isBusy: boolean;
  run(change: Promise<unknown>): Promise<boolean>;
  onProblem(problem: string): void;
}

/** The members, page by page. A search loads all of them, because the server has none. */
export function MemberRows({ conversation, memberCount, role, isBusy, run, onProblem }: MemberRowsProps) {
  const { members, hasMore, isLoading } = useFrameSnapshot(conversation.members);
  const [typed, setTyped] = useState('');
  const [isFailed, setFailed] = useState(false);
  const wanted = typed.trim().toLowerCase();
  const found = members.filter(({ userId }) => userId.toLowerCase().includes(wanted));
  const load = () => {
    setFailed(false);
    conversation.members.loadMore().catch((error: Error) => {
      setFailed(true);
      onProblem(error.message);
    });
  };
  const isDue = hasMore && !isLoading && !isFailed && (members.length === 0 || wanted !== '');
  // biome-ignore lint/correctness/useExhaustiveDependencies: one page after the other while more are due
  useEffect(() => {
    if (isDue) load();
  }, [conversation, isDue, members]);
  return (
    <>
      {memberCount >= SEARCH_FROM && (
        <TextInput
          className={classes.search}
          size="xs"
          type="search"
          aria-label="Search members"
          placeholder="Search members"
          value={typed}
          onChange={({ currentTarget }) => {
            setTyped(currentTarget.value);
            setFailed(false);
          }}
          autoComplete="off"
          spellCheck={false}
        />
      )}
      <ul className={classes.members} aria-label="Members" aria-busy={isLoading}>
        {found.map((member) => (
          <MemberRow
            key={member.userId}
            member={member}
            role={role}
            isBusy={isBusy}
            onRole={(next) => run(conversation.setRole(member.userId, next))}
            onRemove={() => void run(conversation.remove(member.userId))}
          />
        ))}
      </ul>
      {wanted !== '' && (
        <p className={classes.found} role="status">
          {hasMore && !isFailed
            ? 'Searching …'
            : found.length === 1
              ? '1 member found'
              : `${found.length} members found`}
        </p>
      )}
      {hasMore && members.length > 0 && (wanted === '' || isFailed) && (
        <Button variant="default" size="xs" onClick={load} loading={isLoading}>
          Show more members
        </Button>
      )}
    </>
  );
}
