import type { Server as HttpServer, IncomingMessage } from 'node:http';
import {
  type ClientToServerEvents,
  Rejection,
  type ServerToClientEvents,
  toErrorPayload,
} from '@chat-cluster/contracts';
import type { Logger } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { type DefaultEventsMap, Server, type ServerOptions, type Socket } from 'socket.io';
import type { Identity } from '../authenticate.ts';
import type { GatewayConfig } from '../config.ts';
import { type Admission, createAdmission } from './connect/admission.ts';
import { mayConnect } from './connect/origin.ts';
import { refuse } from './connect/refuse.ts';
import { flushByTurn } from './transport/flush-by-turn.ts';
import { releaseHandshakeState } from './transport/release-handshake-state.ts';
import { boundWriteBuffers } from './transport/slow-consumer.ts';

export interface SocketData extends Identity {
  /** Events that were read and have no answer yet. */
  underWay: number;
}

export type ChatServer = Server<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, SocketData>;
export type ChatSocket = Socket<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, SocketData>;

const handshakes = new Counter({
  name: 'chat_handshakes_total',
  help: 'Socket handshakes by result: ok, or the code of the refusal',
  labelNames: ['result'],
});

/** Milliseconds for a connection to authenticate; Socket.IO's own 45 s would let the unauthenticated pile up. */
const CONNECT_TIMEOUT_MS = 8_000;
/**
 * Milliseconds for the client to answer the goodbye of a websocket, then its connection is closed without. The 30 s of ws
 * would let strangers who never answer keep what CONNECT_TIMEOUT_MS takes from them.
 */
const GOODBYE_MS = 1_000;
/**
 * Milliseconds without a byte after which an HTTP connection is cut: else an answer that nobody reads (a poll, a page
 * of history) is kept for ever. Longer than a poll without news, 25 s. Websockets have their heartbeat.
 */
const SILENCE_MS = 60_000;

/**
 * The Socket.IO server of a gateway on the HTTP server of the REST API: path /socket.io, default namespace. Refused
 * handshakes hear `connect_error` with `data.code`; their connection is closed at once. New sessions come in through
 * `admission`; close it when the server no longer takes any.
 */
export function createSocketServer(options: {
  http: HttpServer;
  adapter: NonNullable<ServerOptions['adapter']>;
  authenticate(token: unknown): Identity;
  config: GatewayConfig;
  gatewayId: string;
  logger: Logger;
  /** Awaited before a request is answered; see sticky.ts. */
  bind?: ((request: IncomingMessage) => Promise<void>) | undefined;
}): { io: ChatServer; admission: Admission } {
  const { config, gatewayId } = options;
  options.http.timeout = SILENCE_MS;
  const admission = createAdmission(config.CONNECTS_PER_SECOND, (more) => hasRoom(io, config, more));
  const io: ChatServer = new Server(options.http, {
    adapter: options.adapter,
    serveClient: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxHttpBufferSize: config.MAX_PACKET_BYTES,
    perMessageDeflate: false,
    httpCompression: false,
    cors: { origin: config.ALLOWED_ORIGINS, credentials: config.ALLOWED_ORIGINS !== '*' },
    allowRequest: (request, decide) => {
      // Only requests that open a session come here: those of an open one never wait.
      if (!mayConnect(request, config.ALLOWED_ORIGINS)) {
        handshakes.inc({ result: 'ORIGIN_NOT_ALLOWED' });
        return decide('ORIGIN_NOT_ALLOWED', false);
      }
      const admitted = () => decide(null, true);
      admission.admit(
        request,
        () => (options.bind ? void options.bind(request).then(admitted) : admitted()),
        (retryAfterMs) => {
          handshakes.inc({ result: 'OVERLOADED' });
          refuse(request, new Rejection('OVERLOADED', { retryAfterMs }), gatewayId);
        },
      );
    },
  });
  io.engine.on('headers', (headers: Record<string, string>) => {
    headers['X-Gateway-Id'] = gatewayId;
  });
  io.use((socket, next) => {
    try {
      const { userId, expiresAt } = options.authenticate(tokenOf(socket, config.ALLOW_QUERY_TOKEN));
      socket.data.userId = userId;
      socket.data.expiresAt = expiresAt;
      socket.data.underWay = 0;
      handshakes.inc({ result: 'ok' });
      next();
    } catch (error) {
      const payload = toErrorPayload(error);
      handshakes.inc({ result: payload.code });
      if (!(error instanceof Rejection)) options.logger.error({ err: error }, 'handshake: a fault');
      next(Object.assign(new Error(payload.message), { data: payload }));
      // After the refusal has been written (it is queued on the next tick): close() flushes what is in the buffer.
      setImmediate(() => socket.conn.close());
    }
  });
  boundGoodbyes(io);
  releaseHandshakeState(io);
  boundWriteBuffers(
    io,
    { maxBytes: config.WRITE_BUFFER_MAX_BYTES, maxPackets: config.WRITE_BUFFER_MAX_PACKETS },
    options.logger,
  );
  // Last: the bounds look whether a transport is writable before it says that it waits.
  flushByTurn(io);
  return { io, admission };
}

/** By an option of ws that engine.io (6.6) does not pass on; it makes its websocket server now and again when it listens. */
function boundGoodbyes(io: ChatServer): void {
  const engine = io.engine as unknown as EngineWithWebsockets;
  engine.opts.wsEngine = class extends engine.opts.wsEngine {
    constructor(options: object) {
      super({ ...options, closeTimeout: GOODBYE_MS });
    }
  };
  engine.init();
}

interface EngineWithWebsockets {
  opts: { wsEngine: new (options: object) => object };
  init(): void;
}

/** Whether `more` connections may open. One without a socket has not authenticated, or has left again. */
function hasRoom(io: ChatServer, config: GatewayConfig, more: number): boolean {
  const open = io.engine.clientsCount + more;
  const unauthenticated = open - io.of('/').sockets.size;
  return (
    unauthenticated <= config.MAX_UNAUTHENTICATED && (open <= config.MAX_CONNECTIONS || config.MAX_CONNECTIONS === 0)
  );
}

/** `auth.token`, else (unless refused) `query.token`. */
function tokenOf(socket: ChatSocket, allowQuery: boolean): unknown {
  const auth: unknown = socket.handshake.auth;
  const token = typeof auth === 'object' && auth !== null && 'token' in auth ? auth.token : undefined;
  return token ?? (allowQuery ? socket.handshake.query.token : undefined);
}
