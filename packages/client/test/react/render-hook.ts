import { eventually } from '@chat-cluster/testkit';
import { Window } from 'happy-dom';
import { act, createElement, type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ChatProvider } from '../../src/react/index.ts';
import type { ChatClient } from '../../src/types.ts';

let page: Window | undefined;

/** What a component that calls `useValue` renders, in StrictMode: every effect runs twice. */
export interface RenderedHook<P, T> {
  /** The value of the last render. */
  current(): T;
  renders(): number;
  rerender(props: P, client?: ChatClient): Promise<void>;
  unmount(): Promise<void>;
}

export async function renderHook<P, T>(
  client: ChatClient,
  useValue: (props: P) => T,
  props: P,
): Promise<RenderedHook<P, T>> {
  const values: T[] = [];
  if (!page) throw new Error('Call withDocument() in the suite.');
  const root = createRoot(page.document.createElement('div') as never);
  const render = (next: P, of: ChatClient) =>
    act(async () => {
      const tree = createElement(
        ChatProvider,
        { client: of },
        createElement(Probe, { render: () => values.push(useValue(next)) }),
      );
      root.render(createElement(StrictMode, undefined, tree));
    });
  await render(props, client);
  return {
    current: () => values.at(-1) as T,
    renders: () => values.length,
    rerender: (next, of = client) => render(next, of),
    unmount: () => act(async () => root.unmount()),
  };
}

function Probe({ render }: { render: () => unknown }): ReactNode {
  render();
  return null;
}

/** Awaits a condition of what is rendered, while React renders as in an application: `act` would hold renders back. */
export async function shows(expected: () => void): Promise<void> {
  const environment = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  environment.IS_REACT_ACT_ENVIRONMENT = false;
  try {
    await eventually(expected);
  } finally {
    environment.IS_REACT_ACT_ENVIRONMENT = true;
  }
}

/** Gives the tests of a suite a document. Not enumerable: mocha takes other new globals for leaks. */
export function withDocument(): void {
  const globals = ['window', 'document', 'IS_REACT_ACT_ENVIRONMENT'] as const;
  before(() => {
    const window = new Window();
    page = window;
    const values = { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true };
    for (const name of globals) {
      Object.defineProperty(globalThis, name, { value: values[name], configurable: true, writable: true });
    }
  });
  after(async () => {
    for (const name of globals) Reflect.deleteProperty(globalThis, name);
    await page?.happyDOM.close();
    page = undefined;
  });
}
