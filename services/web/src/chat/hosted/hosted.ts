import { createStore, type StoreApi } from 'zustand';
import { openTabChannel } from '../../ui/tab-channel.ts';
import { clearDrafts } from '../conversation/drafts.ts';
import { createPaneView, type PaneViewStore } from '../pane/pane-view.ts';
import { createViewHistory } from '../pane/view-history.ts';
import { browserTexts, tabTexts } from '../session/browser-storage.ts';
import type { HostedConfig } from '../session/page-config.ts';
import { openSession, type Session } from '../session/session.ts';
import { hostedTokens, typedToken } from '../session/tokens.ts';

/** Name of the database of unsent messages in this browser. */
const STORE = 'chat-cluster';
/** Key in `sessionStorage` of a typed token, which lasts as long as the tab. */
const TOKEN_KEY = 'chat-token';

/** The application of a hosted cluster: one user, who has a cookie or has typed a token. */
export interface HostedApplication {
  readonly config: HostedConfig;
  readonly view: PaneViewStore;
  /** Undefined: no user is signed in. */
  readonly session: StoreApi<{ current: Session | undefined }>;
  /** Signs in with a typed token. */
  signIn(token: string): void;
  /** Deletes what is stored for the user in this browser, also in other tabs. */
  signOut(): Promise<void>;
}

export function openHosted(config: HostedConfig): HostedApplication {
  const view = createPaneView();
  const views = createViewHistory();
  let unfollow = () => {};
  const open = (token: string | null): Session | undefined => {
    const { tokenUrl, apiUrl: url } = config;
    if (tokenUrl === undefined && token === null) return undefined;
    const getToken = tokenUrl === undefined ? typedToken(token ?? '') : hostedTokens(tokenUrl);
    const opened = openSession({ getToken, storeName: STORE, url });
    unfollow();
    unfollow = views.follow(0, view, opened.client);
    return opened;
  };
  const session = createStore<{ current: Session | undefined }>(() => ({
    current: open(tabTexts.getItem(TOKEN_KEY)),
  }));
  const end = async () => {
    const { current } = session.getState();
    session.setState({ current: undefined });
    tabTexts.removeItem(TOKEN_KEY);
    view.getState().reset();
    unfollow();
    clearDrafts(browserTexts);
    await current?.client.signOut();
  };
  // One channel for both directions: another one of this tab would receive what this one posts.
  const tabs = openTabChannel('chat-sign-out', () => void end());
  return {
    config,
    view,
    session,
    signIn(token) {
      tabTexts.setItem(TOKEN_KEY, token);
      void session.getState().current?.close();
      session.setState({ current: open(token) });
    },
    async signOut() {
      // First, so that it cannot end a session that begins while this one ends.
      tabs.post('signed out');
      await end();
    },
  };
}
