import { ActionIcon, VisuallyHidden } from '@mantine/core';
import { useMemo } from 'react';
import { useStore } from 'zustand';
import { Icon } from '../../ui/icon.tsx';
import { PageFrame } from '../../ui/page-frame.tsx';
import { Pane } from '../pane/pane.tsx';
import { PaneBar } from '../pane/pane-bar.tsx';
import { useDocumentBadge } from '../use-document-badge.ts';
import classes from './hosted.module.css';
import type { HostedApplication } from './hosted.ts';
import { SignIn } from './sign-in.tsx';

export function HostedPage({ hosted }: { hosted: HostedApplication }) {
  const session = useStore(hosted.session, ({ current }) => current);
  useDocumentBadge(useMemo(() => (session ? [session.client] : []), [session]));
  const { signInUrl } = hosted.config;
  return (
    <PageFrame page="chat" hasCluster={false}>
      {session ? (
        <div className={classes.page}>
          <VisuallyHidden component="h1">Chat</VisuallyHidden>
          <Pane
            session={session}
            view={hosted.view}
            label="Chat"
            bar={
              <PaneBar>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label="Sign out"
                  title="Sign out"
                  onClick={() => void hosted.signOut()}
                >
                  <Icon name="exit" />
                </ActionIcon>
              </PaneBar>
            }
            {...(signInUrl !== undefined
              ? { onSignIn: () => location.assign(signInUrl) }
              : hosted.config.tokenUrl === undefined && { onSignIn: () => void hosted.signOut() })}
          />
        </div>
      ) : (
        <SignIn hosted={hosted} />
      )}
    </PageFrame>
  );
}
