import type { ClientMessageId, Message } from '@chat-cluster/contracts';
import { openSocket } from '../../src/connection/socket-io.ts';
import {
  type ChatClient,
  type ChatError,
  createChatClient,
  type OpenSocket,
  type StoredOutgoing,
} from '../../src/index.ts';
import { indexedDbStore } from '../../src/indexeddb/index.ts';

/** What the page has as the global `app`. The test reads and drives it. */
export interface App {
  chat: ChatClient;
  /** Messages in the order in which the client has emitted them. */
  received: Message[];
  errors: ChatError[];
  /** Client message ids in the order in which this tab has sent them to the server, repetitions included. */
  sent: ClientMessageId[];
  /** `persisted` of each `pageshow`: true when the browser shows a page that it has kept. */
  shows: boolean[];
  /** The unsent messages in the database of the browser. */
  keptOutbox(): Promise<readonly StoredOutgoing[]>;
  /**
   * Sends each text in the task of the call, after a write that the text before it, or the caller, has caused was
   * started: microtasks run before the next task, and a database answers in a task.
   */
  sendInTurns(conversationId: string, texts: readonly string[]): Promise<void>;
  reload(): void;
}

/** The members of the window that the page uses. The project compiles without the types of the DOM. */
interface Scope {
  app: App;
  location: { search: string; reload(): void };
  addEventListener(type: 'pageshow', listener: (event: { persisted: boolean }) => void): void;
}

const scope = globalThis as unknown as Scope;
const query = new URLSearchParams(scope.location.search);
const url = query.get('url') ?? '';
const user = query.get('user') ?? '';
// As in a browser that does not have Web Locks.
if (query.has('without-locks')) Object.defineProperty(globalThis.navigator, 'locks', { value: undefined });

const store = indexedDbStore();
const chat = createChatClient({
  url,
  getToken: async ({ signal }) => (await fetch(`/token?user=${user}`, { signal })).text(),
  store,
  socket: recordingSocket,
});
scope.app = {
  chat,
  received: [],
  errors: [],
  sent: [],
  shows: [],
  keptOutbox: async () => (await store.load(`${url} ${user}`))?.outbox ?? [],
  async sendInTurns(conversationId, texts) {
    for (const text of texts) {
      for (let turn = 0; turn < 50; turn++) await null;
      chat.conversation(conversationId).send(text);
    }
  },
  reload: () => scope.location.reload(),
};
chat.on('message', (message) => scope.app.received.push(message));
chat.on('error', (error) => scope.app.errors.push(error));
scope.addEventListener('pageshow', ({ persisted }) => scope.app.shows.push(persisted));
chat.connect();

function recordingSocket(...args: Parameters<OpenSocket>): ReturnType<OpenSocket> {
  const socket = openSocket(...args);
  const emit = socket.emit.bind(socket);
  socket.emit = (event, payload, acknowledge) => {
    if (event === 'send_message') scope.app.sent.push((payload as Message).clientMessageId);
    return emit(event, payload, acknowledge);
  };
  return socket;
}
