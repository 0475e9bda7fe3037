import type { ChatClient } from '@chat-cluster/client';
import type { PaneView, PaneViewStore } from './pane-view.ts';

/** What a pane shows. */
type Shown = Pick<PaneView, 'conversationId' | 'screen'>;

/** What an entry of the browser's history contains of this page: what each pane shows, and showed in the entry before. */
interface Entry {
  readonly shown: readonly Shown[];
  readonly before?: readonly Shown[];
}

interface Followed {
  view: PaneViewStore;
  client: ChatClient;
}

/**
 * The views of the panes as steps of the browser's history: its button "Back" takes back what the user has opened, and a
 * reload opens it again. An entry has ids of conversations only, in `history.state`: the address stays as it is. A
 * conversation that the user of a pane does not have, for example after another user has signed in, is not opened.
 */
export interface ViewHistory {
  /** Follows a pane, and restores its view at the start of the page. Returns a function that ends it. */
  follow(index: number, view: PaneViewStore, client: ChatClient): () => void;
}

export function createViewHistory(): ViewHistory {
  const panes: (Followed | undefined)[] = [];
  /** What is not restored yet, by pane. */
  const atStart: (Shown | undefined)[] = [...currentEntry().shown];
  /** The page goes back itself, to an entry with the views that the panes have already. */
  let isReturning = false;

  const write = (isStep: boolean) => {
    if (isReturning) return;
    const entry = currentEntry();
    const shown = panes.map((pane) => (pane ? shownIn(pane.view) : NOTHING));
    if (!isStep || isSame(shown, entry.shown)) replaceEntry({ ...entry, shown });
    else if (entry.before && isSame(shown, entry.before)) {
      isReturning = true;
      history.back();
    } else pushEntry({ shown, before: entry.shown });
  };

  addEventListener('popstate', () => {
    if (isReturning) {
      isReturning = false;
      // The user may have moved on meanwhile.
      return write(true);
    }
    // A fragment was added to the address.
    if (!hasEntry()) return write(false);
    const { shown } = currentEntry();
    for (const [index, pane] of panes.entries()) {
      const next = shown[index] ?? NOTHING;
      if (!pane || isSame([shownIn(pane.view)], [next]) || !has(pane.client, next)) continue;
      pane.view.getState().show(next, next.screen === 'list' ? 'list' : 'composer');
    }
  });

  return {
    follow(index, view, client) {
      const pane = { view, client };
      const before = atStart[index];
      atStart[index] = undefined;
      panes[index] = pane;
      const offs = [
        view.subscribe((now, last) => {
          if (now.conversationId !== last.conversationId || now.screen !== last.screen) write(now.isMoved);
        }),
      ];
      if (before) offs.push(restore(pane, before));
      else write(false);
      return () => {
        for (const off of offs) off();
        if (panes[index] === pane) panes[index] = undefined;
      };
    },
  };
}

const NOTHING: Shown = { conversationId: undefined, screen: 'list' };

/** Shows what was shown before a reload, once the client has loaded it, unless the user is faster. */
function restore({ view, client }: Followed, shown: Shown): () => void {
  if (shown.conversationId === undefined) return () => {};
  const off = client.conversations.subscribe(() => attempt());
  const attempt = () => {
    const isKnown = has(client, shown);
    if (isKnown || view.getState().isMoved) off();
    if (isKnown && !view.getState().isMoved) view.getState().show(shown);
  };
  attempt();
  return off;
}

/** The user of the client has the conversation. */
function has({ conversations }: ChatClient, { conversationId }: Shown): boolean {
  return conversationId === undefined || conversations.get().some(({ id }) => id === conversationId);
}

function shownIn(view: PaneViewStore): Shown {
  const { conversationId, screen } = view.getState();
  return { conversationId, screen };
}

/** No step lies between them. In front of the list it does not matter which conversation is behind it. */
function isSame(some: readonly Shown[], others: readonly Shown[]): boolean {
  return some.every(({ conversationId, screen }, index) => {
    const other = others[index] ?? NOTHING;
    return screen === other.screen && (screen === 'list' || conversationId === other.conversationId);
  });
}

function currentEntry(): Entry {
  return hasEntry() ? history.state.chat : { shown: [] };
}

/** The state is of this page. One of another version counts as none. */
function hasEntry(): boolean {
  return Array.isArray(history.state?.chat?.shown);
}

function pushEntry(chat: Entry): void {
  history.pushState({ chat }, '');
}

function replaceEntry(chat: Entry): void {
  history.replaceState({ chat }, '');
}
