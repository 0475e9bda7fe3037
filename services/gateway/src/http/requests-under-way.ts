import type { Server } from 'node:http';

/** The REST requests of an HTTP server that have no answer yet. */
export interface RequestsUnderWay {
  count(): number;
  /** From now on every answer, of REST and long-polling, closes its connection: the next request opens one elsewhere. */
  closeConnections(): void;
}

/** To be called when all other listeners for requests are there: engine.io wraps those that were there before it. */
export function watchRequests(http: Server): RequestsUnderWay {
  let underWay = 0;
  let closing = false;
  http.prependListener('request', (request, response) => {
    if (closing) response.setHeader('Connection', 'close');
    // A poll without news lasts for 25 s, and the drain of its socket ends it.
    if (request.url?.startsWith('/socket.io/')) return;
    underWay++;
    response.once('close', () => underWay--);
  });
  return {
    count: () => underWay,
    closeConnections() {
      closing = true;
    },
  };
}
