import type { SocketEdge } from './socket-edge.ts';

/** An engine.io session whose packets a test writes by hand. A packet is text, such as `42["sync",{}]`. */
export interface RawSession {
  send(...packets: string[]): Promise<number>;
  /** Resolves with the packets of one poll. */
  poll(): Promise<string[]>;
}

/** Opens a session over long-polling. */
export async function rawPolling(
  { url }: Pick<SocketEdge, 'url'>,
  headers: Record<string, string> = {},
): Promise<RawSession> {
  const path = `${url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(path, { headers })).text()).slice(1)) as { sid: string };
  return {
    async send(...packets) {
      return (await fetch(`${path}&sid=${sid}`, { method: 'POST', body: packets.join('\x1e') })).status;
    },
    async poll() {
      return (await (await fetch(`${path}&sid=${sid}`)).text()).split('\x1e');
    },
  };
}

export interface RawWebsocket {
  socket: WebSocket;
  received: string[];
  closed: Promise<CloseEvent>;
}

/** Opens a websocket. Resolves when engine.io has opened the session. */
export async function rawWebsocket({ url }: Pick<SocketEdge, 'url'>): Promise<RawWebsocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const received: string[] = [];
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));
  await new Promise<void>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      received.push(String(data));
      resolve();
    });
  });
  return { socket, received, closed };
}
