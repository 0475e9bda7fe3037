import { Button, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import classes from './lookup.module.css';

interface LookupFormProps {
  label: string;
  placeholder: string;
  /** The id in the address of the page, if it has one. */
  current: string | undefined;
  maxLength: number;
  loading: boolean;
  onSubmit: (id: string) => void;
}

/** Looks up one id on demand. Nothing is pulled while it is shown. */
export function LookupForm({ label, placeholder, current, maxLength, loading, onSubmit }: LookupFormProps) {
  const [text, setText] = useState(current ?? '');
  useEffect(() => {
    if (current !== undefined) setText(current);
  }, [current]);
  return (
    <form
      className={classes.form}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        const id = text.trim();
        if (id !== '') onSubmit(id);
      }}
    >
      <TextInput
        className={classes.input}
        aria-label={label}
        placeholder={placeholder}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        maxLength={maxLength}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
      />
      <Button type="submit" variant="default" loading={loading} disabled={text.trim() === ''}>
        Look up
      </Button>
    </form>
  );
}
