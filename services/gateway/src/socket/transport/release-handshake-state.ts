import type { ChatSocket } from '../chat-socket.ts';
import { releaseRequest, replaceHandshake } from '../engine-io.ts';

/**
 * Frees the state of a socket that is useless after the connect: the HTTP request that opened it (headers, query,
 * streams) and the copy of it, with the token, in `socket.handshake`. Socket.IO keeps both as long as the socket lives,
 * about a third of the heap of an idle connection (`npm run bench -- idle`).
 *
 * From the turn after the connect on, `socket.request` is undefined and `socket.handshake` is empty. State that is
 * needed later belongs in `socket.data`. Polls have requests of their own, and so has an upgrade.
 */
export function releaseHandshakeState(socket: ChatSocket): void {
  setImmediate(release, socket);
}

function release(socket: ChatSocket): void {
  releaseRequest(socket.conn);
  replaceHandshake(socket, EMPTY_HANDSHAKE);
}

/** The handshake of every connected socket, in the shape that Socket.IO's `fetchSockets` sends to other servers. */
const EMPTY_HANDSHAKE: ChatSocket['handshake'] = Object.freeze({
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
