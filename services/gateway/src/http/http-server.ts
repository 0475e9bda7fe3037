import { createServer, type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Rejection } from '@chat-cluster/contracts';
import { HTTP_DEADLINES } from '../cluster/listen.ts';
import { hasBegunResponse } from '../cluster/node-internals.ts';
import type { GatewayConfig } from '../config.ts';
import { takesUpgrade } from '../socket/connect/takes-upgrade.ts';
import { sizeLimit } from '../socket/transport/packet-guard.ts';
import { LATE_REQUEST, type ProblemResponse, problemResponse, rawResponse } from './raw-response.ts';

/**
 * The HTTP server of the public port, for the REST API (`app`) and the sockets. The errors that Node and engine.io
 * send without a body get a coded one, as those of the API have. Errors to which engine.io gives a body keep it.
 */
export function createHttpServer(config: GatewayConfig, app?: RequestListener): Server {
  const options = {
    ...HTTP_DEADLINES,
    keepAliveTimeout: config.HTTP_KEEP_ALIVE_MS,
    shouldUpgradeCallback: takesUpgrade,
    ServerResponse: codedResponses(config),
  };
  const server = createServer(options, app);
  server.prependListener('request', ({ headers }: IncomingMessage, response: ServerResponse) => {
    // The offer was not taken, and the client has no use for the connection without it.
    if (headers.upgrade?.toLowerCase() === 'websocket') response.setHeader('Connection', 'close');
  });
  server.on('clientError', (error: { code?: string }, socket: Socket) => {
    const problem = UNREADABLE[error.code ?? ''] ?? MALFORMED;
    // After the beginning of a response the client would take this for its rest.
    if (!socket.writable || hasBegunResponse(socket)) socket.destroy();
    else {
      const headers = { ...problem.headers, 'X-Gateway-Id': config.GATEWAY_NAME };
      socket.end(rawResponse({ ...problem, headers }));
      socket.destroySoon();
    }
  });
  return server;
}

const MALFORMED = malformed(400, 'This is no valid request of HTTP/1.1.');

/** The responses to requests that Node cannot read, by the code of its error. */
const UNREADABLE: Readonly<Record<string, ProblemResponse>> = {
  ERR_HTTP_REQUEST_TIMEOUT: LATE_REQUEST,
  HPE_HEADER_OVERFLOW: malformed(431, 'The first line and the headers of a request may have at most 16 kB.'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: malformed(413, 'The extensions of a chunk may have at most 16 kB.'),
};

function malformed(status: number, message: string): ProblemResponse {
  return problemResponse(new Rejection('VALIDATION_FAILED', { message }), status);
}

/**
 * A class of responses that fills in the body of an error that has none: a request without a Host, with an unknown
 * `Expect`, or after the last one of its connection (Node), a too large or overlapping poll (engine.io). Both call
 * `writeHead` with the status, Node with `Connection: close` as a list too, then `end`. Responses of the REST API are
 * not of this class: Express replaces their prototype.
 */
function codedResponses({ GATEWAY_NAME, MAX_PACKET_BYTES }: GatewayConfig): typeof ServerResponse {
  const problems = new Map(
    [
      malformed(400, 'This request is not valid.'),
      malformed(413, sizeLimit(MAX_PACKET_BYTES)),
      malformed(417, 'The server does not support this Expect header.'),
      problemResponse(new Rejection('UNAVAILABLE')),
    ].map((problem) => [problem.status, problem]),
  );
  return class CodedResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
    override writeHead(status: number, ...rest: never[]): this {
      const [list] = rest as unknown[];
      const isBare = (list === undefined || Array.isArray(list)) && !this.hasHeader('content-type');
      const problem = isBare ? problems.get(status) : undefined;
      if (!problem) return super.writeHead(status, ...rest);
      const ending = list === undefined ? {} : { Connection: 'close' };
      super.writeHead(status, { ...problem.headers, ...ending, 'X-Gateway-Id': GATEWAY_NAME });
      this.write(problem.body);
      return this;
    }
  };
}
