import { Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import classes from './hosted.module.css';
import type { HostedApplication } from './hosted.ts';

/** Sign-in with a token, or the link to the page on which users of this cluster sign in. */
export function SignIn({ hosted }: { hosted: HostedApplication }) {
  const { signInUrl, tokenUrl } = hosted.config;
  return (
    <div className={classes.center}>
      <div className={classes.card}>
        <h1>Sign in</h1>
        {signInUrl !== undefined ? (
          <Button component="a" href={signInUrl}>
            Go to the sign-in page
          </Button>
        ) : tokenUrl !== undefined ? (
          <>
            <p>You are signed out in this browser.</p>
            <Button onClick={() => hosted.signIn('')}>Sign in again</Button>
          </>
        ) : (
          <TokenForm onToken={hosted.signIn} />
        )}
      </div>
    </div>
  );
}

function TokenForm({ onToken }: { onToken(token: string): void }) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const typed = token.trim();
    // Header, claims and signature.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(typed)) return setProblem('A token has three parts with dots between them.');
    onToken(typed);
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      <p>Paste a token of your user. It is kept in this tab only and deleted when you sign out or close the tab.</p>
      <TextInput
        label="Token"
        value={token}
        onChange={({ currentTarget }) => {
          setToken(currentTarget.value);
          setProblem(undefined);
        }}
        error={problem}
        type="password"
        autoComplete="off"
        spellCheck={false}
      />
      <Button type="submit">Sign in</Button>
    </form>
  );
}
