import type { Socket as TcpSocket } from 'node:net';
import type { ChatServer, ChatSocket } from '../server.ts';

/**
 * Takes from each socket what is of no use once it is connected: the HTTP request that opened it, with its headers,
 * query and streams, and the copy of those and of the token in `socket.handshake`. Socket.IO keeps them for as long as
 * the socket lives, a third of the 13.9 kB of heap that an idle connection had; `npm run bench -- idle` has the figures.
 *
 * From the turn of the event loop after the one in which a socket connects, `socket.request` is undefined and
 * `socket.handshake` says nothing; what is needed of them later belongs into `socket.data`. The requests of polls are
 * others, and an upgrade brings its own.
 */
export function releaseHandshakeState(io: ChatServer): void {
  io.on('connection', (socket) => void setImmediate(lighten, socket));
}

function lighten(socket: ChatSocket): void {
  const connection = socket.conn as unknown as Connection;
  connection.request = undefined;
  Object.assign(socket, { handshake: FORGOTTEN });
  forgetResponse.call(connection);
  if (connection.transport.name === 'polling') connection.once('upgrade', forgetResponse);
}

/** What this file needs of an engine.io socket (6.6), some of it private there. */
interface Connection {
  request: unknown;
  /** `socket`: only of a websocket transport. */
  readonly transport: { readonly name: string; readonly socket?: { readonly _socket?: TcpSocket | null } };
  once(event: 'upgrade', listener: (this: Connection) => void): void;
}

/**
 * engine.io hangs a response on the TCP socket of a websocket, and with it the request, for middlewares (there are
 * none) that wait for its end. Its listener is the one of 'close' that is called once; those of ws and Node are others.
 */
function forgetResponse(this: Connection): void {
  const tcp = this.transport.socket?._socket;
  for (const listener of tcp?.rawListeners('close') ?? []) {
    if ('listener' in listener) tcp?.removeListener('close', listener.listener as () => void);
  }
}

/** Stands for the handshake of every socket; of a shape that Socket.IO's `fetchSockets` can tell to other servers. */
const FORGOTTEN: ChatSocket['handshake'] = Object.freeze({
  headers: Object.freeze({}),
  time: '',
  address: '',
  xdomain: false,
  secure: false,
  issued: 0,
  url: '',
  query: Object.freeze({}),
  auth: Object.freeze({}),
});
