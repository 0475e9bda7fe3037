import { ActionIcon, Button, Popover, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { Avatar } from '../avatar.tsx';
import { USER_ID_LENGTH } from '../limits.ts';
import classes from './local-page.module.css';

const SUGGESTED = ['alice', 'bob', 'carol', 'dave'] as const;

interface ChooseUserProps {
  /** The user of the pane. */
  current: string;
  onChoose(user: string): void;
}

/** The button that changes the user of a pane. */
export function ChooseUser({ current, onChoose }: ChooseUserProps) {
  const [isShown, setShown] = useState(false);
  const choose = (user: string) => {
    setShown(false);
    if (user !== current) onChoose(user);
  };
  return (
    <Popover
      opened={isShown}
      onChange={setShown}
      position="bottom-end"
      trapFocus
      returnFocus
      withinPortal={false}
      width={240}
    >
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="Change user"
          title="Change user"
          onClick={() => setShown(!isShown)}
        >
          <Icon name="user" />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="Change user">
        <div className={classes.users}>
          {SUGGESTED.map((user) => (
            <button key={user} type="button" aria-pressed={user === current} onClick={() => choose(user)}>
              <Avatar userId={user} size={24} />
              {user}
            </button>
          ))}
        </div>
        <OtherUser onChoose={choose} />
      </Popover.Dropdown>
    </Popover>
  );
}

/** A field for a user who is not suggested. */
function OtherUser({ onChoose }: Pick<ChooseUserProps, 'onChoose'>) {
  const [typed, setTyped] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() !== '') onChoose(typed.trim());
  };
  return (
    <form className={classes.other} onSubmit={submit}>
      <TextInput
        size="xs"
        aria-label="Another user"
        placeholder="Another user id"
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        maxLength={USER_ID_LENGTH}
        autoComplete="off"
        spellCheck={false}
      />
      <Button type="submit" size="xs">
        Use
      </Button>
    </form>
  );
}
