import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { resetConnection } from '@chat-cluster/runtime';
import { pushAfterResponse } from '../cluster/node-internals.ts';
import type { GatewayConfig } from '../config.ts';
import { countCut } from '../socket/transport/packet-guard.ts';

/** Parts of a body, at most: chunks, and what one read returns of them. A body of 128 kB in small TCP segments has 250. */
const PARTS = 1_024;
/** Bytes per part from which a body with the largest packet is within the bound, whatever MAX_PACKET_BYTES is. */
const BYTES_PER_PART = 128;

/**
 * Bytes of a request on the wire, at most, besides twice the largest packet: they include the sizes, extensions and
 * trailers of chunks. Far above what a response refuses, so that the client of a larger body reads the response first.
 */
const RAW_BYTES = 4 * 1_024 * 1_024;

/** Interval of the checks of chunked bodies, in ms: the size of a chunk may have zeros without an end before it. */
const CHECK_MS = 250;

/**
 * Bounds what the body of a request costs, also after its response: each part is a call from Node's parser, also a chunk
 * of one byte. Beyond the bound the connection is cut. Parts of the same
 * read (64 kB) are still parsed, and dropped.
 *
 * Call it after engine.io is attached, which handles its requests before all earlier listeners, and before
 * `limitPipelining`.
 */
export function limitBodies(http: Server, { MAX_PACKET_BYTES }: Pick<GatewayConfig, 'MAX_PACKET_BYTES'>): void {
  const mostParts = Math.max(PARTS, MAX_PACKET_BYTES / BYTES_PER_PART);
  const mostBytes = RAW_BYTES + 2 * MAX_PACKET_BYTES;

  function bound(request: IncomingMessage): void {
    const { headers, socket } = request;
    const isChunked = headers['transfer-encoding'] !== undefined;
    if (!isChunked && headers['content-length'] === undefined) return;
    const start = socket.bytesRead;
    let parts = 0;
    let isCut = false;
    const check = () => {
      if (isCut || (parts <= mostParts && socket.bytesRead - start <= mostBytes)) return;
      isCut = true;
      countCut('body_parts');
      resetConnection(socket);
    };
    const push = request.push.bind(request);
    request.push = (part: unknown, encoding) => {
      if (part === null) return push(part, encoding);
      parts++;
      check();
      // True: more may follow. Otherwise Node would stop the connection's reads, once per part.
      return isCut || push(part, encoding);
    };
    pushAfterResponse(request);
    if (!isChunked) return;
    const timer = setInterval(() => {
      if (request.complete || socket.destroyed) clearInterval(timer);
      else check();
    }, CHECK_MS).unref();
  }

  http.prependListener('request', bound);
  // The requests to which Node itself responds: beyond maxRequestsPerSocket 503, with an unknown `Expect` 417.
  http.on('dropRequest', bound);
  http.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    bound(request);
    response.writeHead(417).end();
  });
}
