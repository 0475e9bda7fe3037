import { Button, Switch, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import classes from './members.module.css';
import { problemOfIds, userIdsIn } from './user-ids.ts';

interface AddMembersProps {
  isBusy: boolean;
  /** `history`: which earlier messages they see. Resolves with true if it succeeded. */
  onAdd(userIds: string[], history: 'all' | 'none'): Promise<boolean>;
}

export function AddMembers({ isBusy, onAdd }: AddMembersProps) {
  const [typed, setTyped] = useState('');
  const [seesAll, setSeesAll] = useState(false);
  const userIds = userIdsIn(typed);
  const problem = problemOfIds(userIds);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (userIds.length > 0 && problem === undefined && (await onAdd(userIds, seesAll ? 'all' : 'none'))) setTyped('');
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <TextInput
        size="xs"
        label="Add users"
        placeholder="carol, dave"
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        error={problem !== undefined}
        autoComplete="off"
        spellCheck={false}
      />
      <Button type="submit" size="xs" disabled={isBusy || userIds.length === 0 || problem !== undefined}>
        Add
      </Button>
      {problem !== undefined && (
        <p className={classes.fieldProblem} role="alert">
          {problem}
        </p>
      )}
      <Switch
        className={classes.wide}
        size="xs"
        label="They see earlier messages"
        checked={seesAll}
        onChange={({ currentTarget }) => setSeesAll(currentTarget.checked)}
      />
    </form>
  );
}
