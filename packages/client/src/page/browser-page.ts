import type { Page } from '../types.ts';

type Listener = Parameters<NonNullable<Page['listen']>>[0];

/** The members of a browser's global scope that the library uses. Each may be absent. */
interface BrowserScope {
  document?: EventSource & { visibilityState?: string };
  navigator?: {
    onLine?: boolean;
    locks?: {
      request(name: string, options: { signal: AbortSignal }, hold: () => Promise<void>): Promise<void>;
    };
  };
  addEventListener?: EventSource['addEventListener'];
  removeEventListener?: EventSource['removeEventListener'];
  BroadcastChannel?: new (
    name: string,
  ) => {
    onmessage: ((event: { data: unknown }) => void) | null;
    postMessage(message: unknown): void;
    close(): void;
  };
}

interface EventSource {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** The page of the browser. Without a document (Node, React Native, a server that renders) it has no members. */
export function browserPage(scope: unknown = globalThis): Page {
  const { document, navigator, addEventListener, removeEventListener, BroadcastChannel } = scope as BrowserScope;
  if (!document || !addEventListener || !removeEventListener) return {};
  const window: EventSource = {
    addEventListener: addEventListener.bind(scope),
    removeEventListener: removeEventListener.bind(scope),
  };
  const locks = navigator?.locks;
  return {
    isVisible: () => document.visibilityState !== 'hidden',
    isOnline: () => navigator?.onLine !== false,
    listen: (listener) => listen(window, document, listener),
    ...(locks ? { lock: (name, signal, hold) => locks.request(name, { signal }, hold) } : {}),
    ...(BroadcastChannel ? { channel: (name, receive) => openChannel(new BroadcastChannel(name), receive) } : {}),
  };
}

function listen(window: EventSource, document: NonNullable<BrowserScope['document']>, listener: Listener): () => void {
  const registered: [EventSource, string, () => void][] = [
    [document, 'visibilitychange', () => listener(document.visibilityState === 'hidden' ? 'hidden' : 'visible')],
    [document, 'resume', () => listener('show')],
    [window, 'pageshow', () => listener('show')],
    [window, 'pagehide', () => listener('hide')],
    [window, 'online', () => listener('online')],
    [window, 'offline', () => listener('offline')],
  ];
  for (const [source, type, listen] of registered) source.addEventListener(type, listen);
  return () => {
    for (const [source, type, listen] of registered) source.removeEventListener(type, listen);
  };
}

function openChannel(
  channel: InstanceType<NonNullable<BrowserScope['BroadcastChannel']>>,
  receive: (message: unknown) => void,
) {
  channel.onmessage = ({ data }) => receive(data);
  return { post: (message: unknown) => channel.postMessage(message), close: () => channel.close() };
}
