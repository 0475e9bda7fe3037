import { createStore, type StoreApi } from 'zustand';
import type { LocalPane, LocalPanes } from './local-panes.ts';

/** Most messages per second that the two panes write together. */
export const MAX_RATE = 20;
/** Time after which the traffic ends by itself, in ms. */
const LONGEST_MS = 10 * 60 * 1_000;
/** Unsent messages of a pane at which it pauses until some are sent. */
const MAX_UNSENT = 50;

export interface Traffic {
  isOn: boolean;
  perSecond: number;
  start(): void;
  stop(): void;
  setRate(perSecond: number): void;
}

const LINES = [
  'Did the deploy go out?',
  'Yes, ten minutes ago. No errors so far.',
  '😄',
  'The second gateway took over within a second, I did not even notice.',
  'Then let us look at the numbers together after lunch. I have a few questions about the p99 of the last hour.',
  'Sure.',
  'مرحبا، هل وصلت الرسالة؟',
  'One more thing: the new dashboard is at https://example.com/dashboards/latency. Is anything missing?',
  'Looks good!',
  'I would move the ledger to the top.\nAnd make the numbers bigger.',
] as const;

/** Lets the two panes write to each other. Stops when the page is hidden or left. */
export function createTraffic(panes: LocalPanes): StoreApi<Traffic> {
  let timer: ReturnType<typeof setInterval> | undefined;
  let count = 0;
  let endsAt = 0;
  const tick = () => {
    if (Date.now() > endsAt) return store.getState().stop();
    const pair = panes.state.getState().panes;
    const [from, to] = count % 2 === 0 ? pair : [pair[1], pair[0]];
    writeLine(from, to, count);
    count++;
  };
  const run = () => {
    clearInterval(timer);
    timer = setInterval(tick, 1_000 / store.getState().perSecond);
  };
  const store = createStore<Traffic>((set, get) => ({
    isOn: false,
    perSecond: 4,
    start() {
      endsAt = Date.now() + LONGEST_MS;
      set({ isOn: true });
      run();
    },
    stop() {
      clearInterval(timer);
      set({ isOn: false });
    },
    setRate(perSecond) {
      set({ perSecond });
      if (get().isOn) run();
    },
  }));
  const stop = () => store.getState().stop();
  document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && stop());
  addEventListener('pagehide', stop);
  return store;
}

function writeLine(
  { session: { client, user } }: LocalPane,
  { session: { user: other } }: LocalPane,
  count: number,
): void {
  if (user === other || client.status.state === 'closed' || client.outbox.get().length >= MAX_UNSENT) return;
  const conversation = client.conversations.get().find(({ otherUserId }) => otherUserId === other);
  // Both panes write the lines in turn.
  if (conversation) client.conversation(conversation.id).send(LINES[count % LINES.length] as string);
}
