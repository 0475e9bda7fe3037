import type { Entry } from './entry.ts';

/** A websocket session of Engine.IO that answers pings and does nothing else. */
export interface WebsocketSession {
  /** `ok`, or the code with which the token was refused. */
  result: string;
  /** Resolves with the milliseconds after which the other side ended it, or undefined when it stood for `ms`. */
  hold(ms: number): Promise<number | undefined>;
  close(): void;
}

const DEADLINE_MS = 10_000;
const [PING, PONG, CONNECTED, REFUSED] = ['2', '3', '40', '44'];

/** Connects with `token`. Rejects when there is no session at all. */
export function openWebsocket({ url }: Entry, token: string): Promise<WebsocketSession> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', () => resolve(performance.now())));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error(`no answer within ${DEADLINE_MS / 1_000} s`));
    }, DEADLINE_MS);
    const settle = (result: string) => {
      clearTimeout(timer);
      const since = performance.now();
      resolve({
        result,
        close: () => socket.close(),
        hold: (ms) =>
          new Promise((done) => {
            const enough = setTimeout(() => done(undefined), ms);
            void closed.then((at) => {
              clearTimeout(enough);
              done(at - since);
            });
          }),
      });
    };
    void closed.then(() => {
      clearTimeout(timer);
      reject(new Error('the connection was closed before the session stood'));
    });
    socket.addEventListener('message', ({ data }) => {
      const packet = String(data);
      if (packet === PING) socket.send(PONG as string);
      else if (packet.startsWith('0')) socket.send(`${CONNECTED}${JSON.stringify({ token })}`);
      else if (packet.startsWith(CONNECTED as string)) settle('ok');
      else if (packet.startsWith(REFUSED as string)) settle(codeOf(packet));
    });
  });
}

function codeOf(refusal: string): string {
  try {
    return (JSON.parse(refusal.slice(2)) as { data?: { code?: string } }).data?.code ?? 'refused';
  } catch {
    return 'refused';
  }
}
