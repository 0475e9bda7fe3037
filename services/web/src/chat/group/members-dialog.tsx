import type { FullConversation } from '@chat-cluster/client/groups';
import type { Member, Role } from '@chat-cluster/contracts';
import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Dialog } from '../../ui/dialog.tsx';
import { UserName } from '../../ui/user-name.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import { Avatar } from '../avatar.tsx';
import { permissionsOf } from '../permissions.ts';
import { useUserId } from '../session/session-context.ts';
import { memberCountText } from '../title.ts';
import { useFrameSnapshot } from '../use-frame-snapshot.ts';
import { useInfo } from '../use-info.ts';
import { AddMembers } from './add-members.tsx';
import { ConfirmButton } from './confirm-button.tsx';
import classes from './members.module.css';
import { RenameGroup } from './rename-group.tsx';

interface MembersDialogProps {
  conversation: FullConversation;
  onClose(): void;
}

/** The members of a group, and what the user may do: rename, add, remove, give roles, leave. */
export function MembersDialog({ conversation, onClose }: MembersDialogProps) {
  const group = useInfo(conversation, (info) => info?.group);
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isMember = group !== undefined && group.role !== null;
  useEffect(() => {
    if (!isMember) onClose();
  }, [isMember, onClose]);
  if (!isMember) return null;
  const can = permissionsOf(group.role);
  /** Runs one change at a time. Returns true if it succeeded. */
  const run = async (change: Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await change;
      return true;
    } catch (error) {
      setProblem((error as Error).message);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={<UserName id={group.title} />} onClose={onClose}>
      {problem && (
        <p className={classes.problem} role="alert">
          {problem}
        </p>
      )}
      {can.rename && (
        <RenameGroup title={group.title} isBusy={isBusy} onRename={(title) => run(conversation.rename(title))} />
      )}
      <h3 className={classes.heading}>{memberCountText(group.memberCount)}</h3>
      <MemberRows conversation={conversation} role={group.role} isBusy={isBusy} run={run} onProblem={setProblem} />
      {can.add && (
        <AddMembers isBusy={isBusy} onAdd={(userIds, history) => run(conversation.add(userIds, { history }))} />
      )}
      <div className={classes.leave}>
        <ConfirmButton
          label="Leave the group"
          question="Really leave?"
          isBusy={isBusy}
          onConfirm={() => void run(conversation.leave())}
        />
      </div>
    </Dialog>
  );
}

interface MemberRowsProps {
  conversation: FullConversation;
  role: Role | null;
  isBusy: boolean;
  run(change: Promise<unknown>): Promise<boolean>;
  onProblem(problem: string): void;
}

function MemberRows({ conversation, role, isBusy, run, onProblem }: MemberRowsProps) {
  const { members, hasMore, isLoading } = useFrameSnapshot(conversation.members);
  const load = () => void conversation.members.loadMore().catch((error: Error) => onProblem(error.message));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the first page, once
  useEffect(() => {
    if (conversation.members.get().members.length === 0) load();
  }, [conversation]);
  return (
    <>
      <ul className={classes.members} aria-label="Members" aria-busy={isLoading}>
        {members.map((member) => (
          <MemberRow
            key={member.userId}
            member={member}
            role={role}
            isBusy={isBusy}
            onRole={(next) => void run(conversation.setRole(member.userId, next))}
            onRemove={() => void run(conversation.remove(member.userId))}
          />
        ))}
      </ul>
      {hasMore && members.length > 0 && (
        <Button variant="default" size="xs" onClick={load} loading={isLoading}>
          Show more members
        </Button>
      )}
    </>
  );
}

const ROLES: readonly Role[] = ['owner', 'admin', 'member'];

interface MemberRowProps {
  member: Member;
  /** The role of the user of this page. */
  role: Role | null;
  isBusy: boolean;
  onRole(role: Role): void;
  onRemove(): void;
}

function MemberRow({ member, role, isBusy, onRole, onRemove }: MemberRowProps) {
  const ownId = useUserId();
  const can = permissionsOf(role);
  const { userId } = member;
  const isSelf = userId === ownId;
  return (
    <li>
      <Avatar userId={userId} size={28} />
      <span className={classes.memberName}>
        <UserName id={userId} />
        {isSelf && ' (you)'}
      </span>
      {can.setRole ? (
        <select
          className={classes.role}
          aria-label={`Role of ${visibleText(userId)}`}
          value={member.role}
          disabled={isBusy}
          onChange={({ currentTarget }) => onRole(currentTarget.value as Role)}
        >
          {ROLES.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      ) : (
        <span className={classes.roleText}>{member.role}</span>
      )}
      {!isSelf && can.remove.includes(member.role) && (
        <ConfirmButton
          label="Remove"
          question="Really remove?"
          name={`Remove ${visibleText(userId)}`}
          isBusy={isBusy}
          onConfirm={onRemove}
        />
      )}
    </li>
  );
}
