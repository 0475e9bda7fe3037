import { createContext, use, useEffect } from 'react';
import { createStore, type StoreApi, useStore } from 'zustand';

/** The view of a pane. The chat data itself is in the client. */
export interface PaneView {
  /** The open conversation. */
  conversationId: string | undefined;
  /** On a narrow pane one of the two is shown. */
  screen: 'list' | 'conversation';
  /** Next target of the focus; undefined: the focus stays. */
  focus: 'composer' | 'list' | undefined;
  /** The user has chosen what is shown, not the page by itself. */
  isMoved: boolean;
  /** Shows a conversation without a move of the focus. */
  open(conversationId: string): void;
  /** The user has chosen a conversation: the focus goes to its composer. */
  choose(conversationId: string): void;
  /** Back to the list, with the focus. On a wide pane the conversation stays beside it. */
  back(): void;
  /** Closes the conversation and goes back to the list, with the focus. */
  leave(): void;
  /** Shows what an entry of the browser's history has. */
  show(shown: Pick<PaneView, 'conversationId' | 'screen'>, focus?: PaneView['focus']): void;
  /** A problem that a change returned, with its number: the same one may occur again. */
  reported: { readonly text: string; readonly number: number } | undefined;
  report(text: string): void;
  /** Closes the conversation, for example for another user. */
  reset(): void;
}

export type PaneViewStore = StoreApi<PaneView>;

export function createPaneView(): PaneViewStore {
  return createStore<PaneView>((set) => ({
    conversationId: undefined,
    screen: 'list',
    focus: undefined,
    isMoved: false,
    open: (conversationId) => set({ conversationId, screen: 'conversation', isMoved: false }),
    choose: (conversationId) => set({ conversationId, screen: 'conversation', focus: 'composer', isMoved: true }),
    back: () => set({ screen: 'list', focus: 'list', isMoved: true }),
    leave: () => set({ conversationId: undefined, screen: 'list', focus: 'list', isMoved: true }),
    show: ({ conversationId, screen }, focus) => set({ conversationId, screen, focus, isMoved: false }),
    reported: undefined,
    report: (text) => set(({ reported }) => ({ reported: { text, number: (reported?.number ?? 0) + 1 } })),
    reset: () => set({ conversationId: undefined, screen: 'list', isMoved: false }),
  }));
}

export const PaneViewContext = createContext<PaneViewStore | undefined>(undefined);

/** A part of the view of the nearest pane. */
export function usePaneView<T>(select: (view: PaneView) => T): T {
  return useStore(usePaneStore(), select);
}

/** Calls `run` when the focus moves to the target. On a touch screen the composer waits: it would open the keyboard. */
export function useFocusMove(target: 'composer' | 'list', run: () => void): void {
  const store = usePaneStore();
  const isNext = useStore(store, ({ focus }) => focus === target);
  useEffect(() => {
    if (!isNext) return;
    store.setState({ focus: undefined });
    if (target === 'list' || !matchMedia('(pointer: coarse)').matches) run();
  }, [store, isNext, target, run]);
}

function usePaneStore(): PaneViewStore {
  const store = use(PaneViewContext);
  if (!store) throw new Error('This component needs a pane around it.');
  return store;
}
