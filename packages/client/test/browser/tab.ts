import type { JSHandle, Page } from '@chat-cluster/testkit/browser';
import type { App } from './page.ts';

/** A tab with page.ts. */
export interface Tab {
  page: Page;
  /** Errors on the console of the page, and exceptions that it did not catch. */
  problems: string[];
  /** Runs a function in the page. It may use its arguments only. */
  run<A, T>(work: (app: App, argument: A) => T | Promise<T>, argument: A): Promise<T>;
}

export function tabOf(page: Page): Tab {
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  return {
    page,
    problems,
    async run(work, argument) {
      const app = (await page.evaluateHandle('app')) as JSHandle<App>;
      return app.evaluate(work as (app: App, argument: unknown) => never, argument);
    },
  };
}

export function send(tab: Tab, conversationId: string, texts: readonly string[]): Promise<void> {
  return tab.run(
    (app, { id, texts }) => {
      for (const text of texts) app.chat.conversation(id).send(text);
    },
    { id: conversationId, texts },
  );
}

/** Resolves when the tab is live and nothing waits in its outbox. */
export function settled(tab: Tab): Promise<void> {
  return tab.run((app) => app.chat.settled(), null);
}

export interface Shown {
  state: string;
  badge: number | undefined;
  /** Texts of the conversation as it is shown, with the status of those that are not stored. */
  texts: string[];
  /** Texts in the outbox, and in its copy in the database of the browser. */
  outbox: (string | null)[];
  kept: (string | null)[];
  /** Texts in the order in which the client has emitted them. */
  received: (string | null)[];
  errors: string[];
}

export function shownIn(tab: Tab, conversationId: string): Promise<Shown> {
  return tab.run(async ({ chat, received, errors, keptOutbox }, id) => {
    const { messages } = chat.conversation(id).messages.get();
    return {
      state: chat.status.state,
      badge: chat.badge,
      texts: messages.map(({ content, seq, status }) => (seq === undefined ? `${content} (${status})` : `${content}`)),
      outbox: chat.outbox.get().map(({ content }) => content),
      kept: (await keptOutbox()).map(({ content }) => content),
      received: received.filter((message) => message.conversationId === id).map(({ content }) => content),
      errors: errors.map(({ message }) => message),
    };
  }, conversationId);
}

export function numbered(from: number, to: number, prefix = ''): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${prefix}${from + i}`);
}
