import type { Member, Role } from '@chat-cluster/contracts';
import { Button } from '@mantine/core';
import { useState } from 'react';
import { UserName } from '../../ui/user-name.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import { Avatar } from '../avatar.tsx';
import { permissionsOf } from '../permissions.ts';
import { useUserId } from '../session/session-context.ts';
import { ConfirmButton } from './confirm-button.tsx';
import classes from './members.module.css';

interface MemberRowProps {
  member: Member;
  /** The role of the user of this page. */
  role: Role | null;
  isBusy: boolean;
  /** Resolves with true if it succeeded. */
  onRole(role: Role): Promise<boolean>;
  onRemove(): void;
}

/** A member, and what the user may do with them. */
export function MemberRow({ member, role, isBusy, onRole, onRemove }: MemberRowProps) {
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
        <RoleChoice key={member.role} member={member} isBusy={isBusy} onRole={onRole} />
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

const ROLES: readonly Role[] = ['owner', 'admin', 'member'];

/**
 * The role is set by a button: arrow keys choose each role on the way to another one. What was set stays shown until the
 * list has it; a new role of the member begins a new choice.
 */
function RoleChoice({ member, isBusy, onRole }: Pick<MemberRowProps, 'member' | 'isBusy' | 'onRole'>) {
  const [chosen, setChosen] = useState<Role>();
  const [isSet, setIsSet] = useState(false);
  const name = visibleText(member.userId);
  const set = async (role: Role) => setIsSet(await onRole(role));
  return (
    <>
      <select
        className={classes.role}
        aria-label={`Role of ${name}`}
        value={chosen ?? member.role}
        disabled={isBusy}
        onChange={({ currentTarget }) => {
          setChosen(currentTarget.value as Role);
          setIsSet(false);
        }}
      >
        {ROLES.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
      {chosen !== undefined && chosen !== member.role && !isSet && (
        <Button
          size="compact-xs"
          disabled={isBusy}
          aria-label={`Set the role of ${name} to ${chosen}`}
          onClick={() => void set(chosen)}
        >
          Set
        </Button>
      )}
    </>
  );
}
