import type { LocalPage } from '@chat-cluster/contracts';
import { createStore, type StoreApi } from 'zustand';
import { createPaneView, type PaneViewStore } from '../pane/pane-view.ts';
import { createViewHistory } from '../pane/view-history.ts';
import { openSession, type Session } from '../session/session.ts';
import { localTokens } from '../session/tokens.ts';
import { Ledger } from './ledger.ts';
import { NARROW } from './narrow.ts';
import { readPaneSettings, writePaneSettings } from './pane-settings.ts';
import { separateSessions } from './separate-sessions.ts';

export type PaneIndex = 0 | 1;

export interface LocalPane {
  session: Session;
  view: PaneViewStore;
}

export interface LocalPanesState {
  panes: readonly [LocalPane, LocalPane];
  /** The pane that is shown alone; undefined: both. */
  single: PaneIndex | undefined;
}

/** The two users of a local cluster and their clients, outside of the components. */
export interface LocalPanes {
  readonly state: StoreApi<LocalPanesState>;
  readonly ledger: Ledger;
  readonly gateways: number;
  /** Gives a pane to another user. */
  setUser(index: PaneIndex, user: string): void;
  setSingle(single: PaneIndex | undefined): void;
  /** Moves a pane to another gateway than the other pane, with a bounded number of attempts. */
  separate(index: PaneIndex): void;
}

export function openLocalPanes(local: LocalPage): LocalPanes {
  const { users, single } = readPaneSettings();
  const ledger = new Ledger();
  const open = (user: string): LocalPane => ({
    session: openSession({ user, getToken: localTokens(local, user), storeName: `chat-local-${user}` }),
    view: createPaneView(),
  });
  const state = createStore<LocalPanesState>(() => ({ panes: [open(users[0]), open(users[1])], single }));
  const pane = (index: PaneIndex) => state.getState().panes[index];
  const userOf = (index: PaneIndex) => pane(index).session.user ?? '';
  const separation = separateSessions(() => [pane(0).session, pane(1).session], local.gateways.length);
  const views = createViewHistory();
  const ends: [() => void, () => void] = [() => {}, () => {}];
  const follow = (index: PaneIndex) => {
    ends[index]();
    const { view, session } = pane(index);
    const { client } = session;
    const offs = [
      views.follow(index, view, client),
      ledger.follow(userOf(index), client, (id) => isShared(pane(index), pane(index === 0 ? 1 : 0), id)),
      client.on('status', () => separation.check()),
      openDirect(pane(index), () => userOf(index === 0 ? 1 : 0)),
    ];
    ends[index] = () => {
      for (const off of offs) off();
    };
  };
  const startLedger = () => ledger.start([userOf(0), userOf(1)]);
  const save = () => writePaneSettings({ users: [userOf(0), userOf(1)], single: state.getState().single });
  save();
  startLedger();
  separation.start(1);
  follow(0);
  follow(1);
  return {
    state,
    ledger,
    gateways: local.gateways.length,
    setUser(index, user) {
      void pane(index).session.close();
      const next = open(user);
      state.setState(({ panes }) => ({ panes: index === 0 ? [next, panes[1]] : [panes[0], next] }));
      startLedger();
      separation.start(1);
      follow(index);
      save();
    },
    setSingle(single) {
      state.setState({ single });
      save();
    },
    separate: (index) => separation.start(index),
  };
}

/** The conversation of the two users, or a group of both. */
function isShared({ session }: LocalPane, other: LocalPane, id: string): boolean {
  const of = ({ client }: Session) => client.conversations.get().find((one) => one.id === id);
  const own = of(session);
  if (own?.group) return (of(other.session)?.group?.role ?? null) !== null;
  return own?.otherUserId !== undefined && own.otherUserId === other.session.user;
}

/**
 * Opens the conversation with the user of the other pane at the first connection, unless another one is open. On a phone
 * the list comes first.
 */
function openDirect({ session, view }: LocalPane, otherUser: () => string): () => void {
  const { client } = session;
  let isDone = false;
  return client.on('status', ({ state }) => {
    const user = otherUser();
    if (state !== 'live' || isDone || user === '' || user === session.user) return;
    isDone = true;
    client
      .direct(user)
      .then(({ id }) => {
        if (view.getState().conversationId === undefined && !matchMedia(NARROW).matches) view.getState().open(id);
      })
      .catch(() => {
        // The next connection tries again; the user can open it too.
        isDone = false;
      });
  });
}
