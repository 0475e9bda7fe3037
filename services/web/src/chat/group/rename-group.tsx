import { Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { TITLE_LENGTH } from '../limits.ts';
import classes from './members.module.css';

interface RenameGroupProps {
  title: string;
  isBusy: boolean;
  /** Resolves with true if it succeeded. */
  onRename(title: string): Promise<boolean>;
}

export function RenameGroup({ title, isBusy, onRename }: RenameGroupProps) {
  const [typed, setTyped] = useState<string>();
  const next = typed?.trim() ?? title;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (next === '' || next === title) return;
    if (await onRename(next)) setTyped(undefined);
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <TextInput
        size="xs"
        label="Title"
        value={typed ?? title}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        maxLength={TITLE_LENGTH}
        autoComplete="off"
        dir="auto"
      />
      <Button type="submit" size="xs" disabled={isBusy || next === '' || next === title}>
        Rename
      </Button>
    </form>
  );
}
