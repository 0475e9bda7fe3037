import type { FullConversation } from '@chat-cluster/client/groups';
import { useEffect, useState } from 'react';
import { Dialog } from '../../ui/dialog.tsx';
import { UserName } from '../../ui/user-name.tsx';
import { permissionsOf } from '../permissions.ts';
import { memberCountText } from '../title.ts';
import { useInfo } from '../use-info.ts';
import { AddMembers } from './add-members.tsx';
import { ConfirmButton } from './confirm-button.tsx';
import { MemberRows } from './member-rows.tsx';
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
      <MemberRows
        conversation={conversation}
        memberCount={group.memberCount}
        role={group.role}
        isBusy={isBusy}
        run={run}
        onProblem={setProblem}
      />
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
