import { ChatProvider } from '@chat-cluster/client/react';
import type { ReactNode } from 'react';
import { ConversationView } from '../conversation/conversation-view.tsx';
import { ConversationList } from '../list/conversation-list.tsx';
import type { Session } from '../session/session.ts';
import { SessionContext } from '../session/session-context.ts';
import { Banner } from './banner.tsx';
import classes from './pane.module.css';
import { PaneViewContext, type PaneViewStore, usePaneView } from './pane-view.ts';
import { Problems } from './problems.tsx';

interface PaneProps {
  session: Session;
  view: PaneViewStore;
  /** Names the pane, for screen readers. */
  label: string;
  /** The user and the connection. */
  bar: ReactNode;
  onSignIn?: () => void;
}

/** The whole application of one user: on a wide pane list and conversation, on a narrow one either. */
export function Pane({ session, view, label, bar, onSignIn }: PaneProps) {
  return (
    <ChatProvider key={session.id} client={session.client}>
      <SessionContext value={session}>
        <PaneViewContext value={view}>
          <section className={classes.pane} aria-label={label}>
            {bar}
            <Banner onSignIn={onSignIn} />
            <Problems />
            <PaneBody />
          </section>
        </PaneViewContext>
      </SessionContext>
    </ChatProvider>
  );
}

function PaneBody() {
  const screen = usePaneView((view) => view.screen);
  return (
    <div className={classes.body} data-screen={screen}>
      <ConversationList />
      <ConversationView />
    </div>
  );
}
