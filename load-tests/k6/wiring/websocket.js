// @ts-check

import http from 'k6/http';
// k6 before 1.6 has this module under another name: there, this is the one line to change, to 'k6/experimental/websockets'.
import { WebSocket } from 'k6/websockets';

/**
 * Opens a websocket. Its cookies are its own: with those of the VU, a load balancer with cookie affinity would send all
 * the sockets of a VU to one gateway. Its name is a tag, so that k6 makes no series of every address.
 */
export function openSocket(/** @type {string} */ url) {
  return new WebSocket(url, null, { jar: new http.CookieJar(), tags: { name: 'socket.io' } });
}
