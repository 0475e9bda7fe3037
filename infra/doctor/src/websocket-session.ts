import type { Entry } from './options.ts';

/** A websocket session of Engine.IO that responds to pings and sends nothing else. */
export interface WebsocketSession {
  /** `ok`, or the error code with which the gateway rejected the token. */
  result: string;
  /**
   * Waits up to `ms` for the connection to be closed from outside. Resolves with the ms until then, or with undefined
   * when the connection stayed open.
   */
  waitForClose(ms: number): Promise<number | undefined>;
  close(): void;
}

const TIMEOUT_MS = 10_000;
const PACKET = { open: '0', ping: '2', pong: '3', connected: '40', rejected: '44' } as const;

/** Connects with `token`, in the URL or in the first packet. Rejects when no session is established. */
export function openWebsocketSession({ url }: Entry, token: string, { inUrl = false } = {}): Promise<WebsocketSession> {
  const query = `EIO=4&transport=websocket${inUrl ? `&token=${encodeURIComponent(token)}` : ''}`;
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?${query}`);
  const connect = PACKET.connected + (inUrl ? '' : JSON.stringify({ token }));
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', () => resolve(performance.now())));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error(`no session within ${TIMEOUT_MS / 1_000} s`));
    }, TIMEOUT_MS);
    const settle = (result: string) => {
      clearTimeout(timer);
      resolve(sessionOn(socket, closed, result));
    };
    void closed.then(() => {
      clearTimeout(timer);
      reject(new Error('the connection was closed before the session was established'));
    });
    socket.addEventListener('message', ({ data }) => {
      const packet = String(data);
      if (packet === PACKET.ping) socket.send(PACKET.pong);
      else if (packet.startsWith(PACKET.open)) socket.send(connect);
      else if (packet.startsWith(PACKET.connected)) settle('ok');
      else if (packet.startsWith(PACKET.rejected)) settle(errorCodeOf(packet));
    });
  });
}

function sessionOn(socket: WebSocket, closed: Promise<number>, result: string): WebsocketSession {
  const establishedAt = performance.now();
  return {
    result,
    close: () => socket.close(),
    waitForClose: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(undefined), ms);
        void closed.then((at) => {
          clearTimeout(timer);
          resolve(at - establishedAt);
        });
      }),
  };
}

function errorCodeOf(packet: string): string {
  try {
    const { data } = JSON.parse(packet.slice(PACKET.rejected.length)) as { data?: { code?: string } };
    return data?.code ?? 'rejected';
  } catch {
    return 'rejected';
  }
}
