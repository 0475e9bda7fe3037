import http from 'k6/http';
// For k6 before 1.6 change this line to 'k6/experimental/websockets', the former name of the module.
import { WebSocket } from 'k6/websockets';

/**
 * Opens a websocket with its own cookies: with those of the VU, a load balancer with cookie affinity would send all
 * sockets of a VU to one gateway. The tag `name` replaces the URL, so that k6 does not create a series per URL.
 */
export function openSocket(url: string) {
  return new WebSocket(url, null, { jar: new http.CookieJar(), tags: { name: 'socket.io' } });
}
