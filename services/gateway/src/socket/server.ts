import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { Rejection, toErrorPayload } from '@chat-cluster/contracts';
import type { Logger } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { Server, type ServerOptions } from 'socket.io';
import type { Authenticate } from '../authenticate.ts';
import type { GatewayConfig } from '../config.ts';
import type { ChatServer, ChatSocket } from './chat-socket.ts';
import { Admission } from './connect/admission.ts';
import { refuse } from './connect/refuse.ts';
import type { Strangers } from './connect/strangers.ts';
import type { UserLimiter } from './connect/user-limits.ts';
import { closeConnection, setWebsocketOptions } from './engine-io.ts';
import { tooLarge } from './transport/packet-guard.ts';

const handshakes = new Counter({
  name: 'chat_handshakes_total',
  help: 'Socket handshakes by result: ok, or the error code of the refusal',
  labelNames: ['result'],
});

const WEBSOCKETS = {
  /** With the 30 s of ws, the TCP connection of a client that does not answer a close frame would stay for long. */
  closeTimeout: 1_000,
  /**
   * A message of 128 kB has 32 frames of 4 kB; stock clients send one. Each frame, and each read from the network while a
   * frame is incomplete, takes some hundred bytes of memory and a microsecond, even if it has one byte. The defaults of ws
   * (16,384 and 262,144) would let a few hundred connections take all memory, before authentication too.
   */
  maxFragments: 256,
  maxBufferedChunks: 4_096,
};
/**
 * Idle time after which an HTTP connection is closed, in ms: otherwise an answer that a client does not read (a poll, a
 * page of history) is kept forever. Longer than the 25 s of a poll without news. Websockets have their heartbeat.
 */
const IDLE_TIMEOUT_MS = 60_000;

export interface SocketServerDeps {
  http: HttpServer;
  adapter: NonNullable<ServerOptions['adapter']>;
  authenticate: Authenticate;
  config: GatewayConfig;
  logger: Logger;
  strangers: Strangers;
  newSessionId(): string;
  users: UserLimiter;
}

/**
 * The Socket.IO server of a gateway, on the HTTP server of the REST API: path /socket.io, default namespace. A connect
 * passes `admitRequest`, then `authenticateSocket`, then the steps in attach.ts. `admission` is the gate of new
 * sessions, to be closed when the server stops taking any.
 */
export function createSocketServer(deps: SocketServerDeps): { io: ChatServer; admission: Admission } {
  const { config } = deps;
  deps.http.timeout = IDLE_TIMEOUT_MS;
  const admission = new Admission(config.CONNECTS_PER_SECOND, (more) => hasRoom(io, config, more));
  const io: ChatServer = new Server(deps.http, {
    adapter: deps.adapter,
    serveClient: false,
    connectTimeout: config.AUTHENTICATE_WITHIN_MS,
    maxHttpBufferSize: config.MAX_PACKET_BYTES,
    perMessageDeflate: false,
    httpCompression: false,
    cors: { origin: config.ALLOWED_ORIGINS, credentials: config.ALLOWED_ORIGINS !== '*' },
    allowRequest: (request, decide) => admitRequest(request, decide, admission, deps),
  });
  io.engine.generateId = deps.newSessionId;
  io.engine.on('headers', (headers: Record<string, string>) => {
    headers['X-Gateway-Id'] = config.GATEWAY_NAME;
  });
  io.use((socket, next) => void authenticateSocket(socket, next, deps));
  setWebsocketOptions(io, { ...WEBSOCKETS, onTooLarge: ['exception', tooLarge(config.MAX_PACKET_BYTES)] });
  return { io, admission };
}

/** Admits a request that opens a session: origin, share of its address, admission gate. Later requests do not wait. */
function admitRequest(
  request: IncomingMessage,
  decide: (refusal: string | null | undefined, success: boolean) => void,
  admission: Admission,
  { config, strangers }: SocketServerDeps,
): void {
  const refuseFor = (code: 'OVERLOADED' | 'RATE_LIMITED', retryAfterMs: number) => {
    handshakes.inc({ result: code });
    refuse(request, code, retryAfterMs, config.GATEWAY_NAME);
  };
  if (!isOriginAllowed(request, config.ALLOWED_ORIGINS)) {
    handshakes.inc({ result: 'ORIGIN_NOT_ALLOWED' });
    decide('ORIGIN_NOT_ALLOWED', false);
    return;
  }
  const waitMs = strangers.admit(request);
  if (waitMs > 0) {
    refuseFor('RATE_LIMITED', waitMs);
    return;
  }
  admission.admit(
    request,
    () => decide(null, true),
    (retryAfterMs) => refuseFor('OVERLOADED', retryAfterMs),
  );
}

/**
 * Whether a handshake may come from its origin: an exact match of `allowedOrigins`, or the page's own host. CORS does
 * not protect WebSocket upgrades. A request without an Origin comes from an app or a server, so its token decides.
 */
function isOriginAllowed({ headers: { origin, host } }: IncomingMessage, allowedOrigins: '*' | string[]): boolean {
  if (allowedOrigins === '*' || origin === undefined) return true;
  return allowedOrigins.includes(origin) || URL.parse(origin)?.host === host;
}

/** Checks the token. A refused client gets `connect_error` with `data.code`, and its connection is closed at once. */
async function authenticateSocket(
  socket: ChatSocket,
  next: (error?: Error) => void,
  { authenticate, users, config, logger }: SocketServerDeps,
): Promise<void> {
  try {
    const identity = await authenticate(tokenOf(socket, config.ALLOW_QUERY_TOKEN));
    users.admit(identity.userId);
    Object.assign(socket.data, identity);
    socket.data.underWay = 0;
    socket.data.protocol = protocolOf(socket);
    socket.data.sinceSeconds = Math.round(performance.now() / 1_000);
    handshakes.inc({ result: 'ok' });
    next();
  } catch (error) {
    const payload = toErrorPayload(error);
    handshakes.inc({ result: payload.code });
    if (!(error instanceof Rejection)) logger.error({ err: error }, 'handshake: a fault');
    next(Object.assign(new Error(payload.message), { data: payload }));
    // After the refusal has been written (it is queued for the next tick): close() flushes the write buffer.
    setImmediate(() => closeConnection(socket.conn));
  }
}

/** `auth.protocol`: 2, or 1 for anything else. */
function protocolOf(socket: ChatSocket): number {
  const auth: unknown = socket.handshake.auth;
  return typeof auth === 'object' && auth !== null && 'protocol' in auth && auth.protocol === 2 ? 2 : 1;
}

/** `auth.token`, otherwise `query.token` if that is allowed. */
function tokenOf(socket: ChatSocket, allowQuery: boolean): unknown {
  const auth: unknown = socket.handshake.auth;
  const token = typeof auth === 'object' && auth !== null && 'token' in auth ? auth.token : undefined;
  return token ?? (allowQuery ? socket.handshake.query.token : undefined);
}

/** Whether `more` connections may open. A connection without a socket has not authenticated, or is closing. */
function hasRoom(io: ChatServer, config: GatewayConfig, more: number): boolean {
  const open = io.engine.clientsCount + more;
  const unauthenticated = open - io.of('/').sockets.size;
  return (
    unauthenticated <= config.MAX_UNAUTHENTICATED && (open <= config.MAX_CONNECTIONS || config.MAX_CONNECTIONS === 0)
  );
}
