import { browserPage, type ChatClientOptions, createChatClient, type Page } from '@chat-cluster/client';
import { type GroupChatClient, groups } from '@chat-cluster/client/groups';
import { indexedDbStore } from '@chat-cluster/client/indexeddb';

/** A user's client, created outside of components: StrictMode mounts them twice. */
export interface Session {
  /** Differs from session to session: a key for components. */
  readonly id: number;
  /** The user: chosen by the page, or of the last connection. */
  readonly user: string | undefined;
  readonly client: GroupChatClient;
  /** Leaves the gateway and connects again at once, possibly to another one. Nothing is lost: the client catches up. */
  move(): void;
  /** Tries to connect now. */
  retry(): void;
  close(): Promise<void>;
}

interface SessionOptions {
  user?: string;
  getToken: ChatClientOptions['getToken'];
  /** Origin of the API; default: that of the page. */
  url?: string | undefined;
  /** Name of the database in this browser. */
  storeName: string;
}

let sessions = 0;

export function openSession({ user, getToken, storeName, url = location.origin }: SessionOptions): Session {
  const { page, change } = controlledPage();
  const client = createChatClient({
    url,
    getToken,
    store: indexedDbStore({ name: storeName }),
    page,
    extension: groups,
  });
  let known = user;
  client.on('status', ({ userId }) => {
    known = userId ?? known;
  });
  client.connect();
  sessions++;
  return {
    id: sessions,
    get user() {
      return known;
    },
    client,
    move() {
      change('hide');
      change('show');
    },
    retry() {
      client.connect();
      change('show');
    },
    close: () => client.close(),
  };
}

/** The page of the browser, and a way to report changes to this client alone. */
function controlledPage(): { page: Page; change: (change: 'hide' | 'show') => void } {
  const page = browserPage();
  const listeners = new Set<Parameters<NonNullable<Page['listen']>>[0]>();
  const listen: Page['listen'] = (listener) => {
    const end = page.listen?.(listener);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      end?.();
    };
  };
  return {
    page: { ...page, listen },
    change(change) {
      for (const listener of listeners) listener(change);
    },
  };
}
