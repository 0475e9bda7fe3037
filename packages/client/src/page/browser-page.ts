import type { Page } from '../types.ts';

type Listener = Parameters<NonNullable<Page['listen']>>[0];
type Change = Parameters<Listener>[0];

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
  const { document, navigator, addEventListener, BroadcastChannel } = scope as BrowserScope;
  if (!document || !addEventListener) return {};
  const locks = navigator?.locks;
  return {
    isVisible: () => document.visibilityState !== 'hidden',
    isOnline: () => navigator?.onLine !== false,
    listen: (listener) => listen(scope as EventSource, document, listener),
    ...(locks && { lock: (name, signal, hold) => locks.request(name, { signal }, hold) }),
    ...(BroadcastChannel && { channel: (name, receive) => openChannel(new BroadcastChannel(name), receive) }),
  };
}

function listen(window: EventSource, document: NonNullable<BrowserScope['document']>, listener: Listener): () => void {
  // The change is named as the event, unless it has a third part.
  const events: [EventSource, string, Change?][] = [
    [document, 'visibilitychange'],
    [document, 'resume', 'show'],
    [window, 'pageshow', 'show'],
    [window, 'pagehide', 'hide'],
    [window, 'online'],
    [window, 'offline'],
  ];
  const ends = events.map(([source, type, change]) => {
    const name = () => change ?? ((type === 'visibilitychange' ? document.visibilityState : type) as Change);
    const listen = () => listener(name());
    source.addEventListener(type, listen);
    return () => source.removeEventListener(type, listen);
  });
  return () => {
    for (const end of ends) end();
  };
}

function openChannel(
  channel: InstanceType<NonNullable<BrowserScope['BroadcastChannel']>>,
  receive: (message: unknown) => void,
) {
  channel.onmessage = ({ data }) => receive(data);
  return { post: (message: unknown) => channel.postMessage(message), close: () => channel.close() };
}
