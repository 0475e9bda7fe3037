import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import { connectPubSub, createGatewayAdapter } from '@chat-cluster/redis';
import { createLogger, type Logger } from '@chat-cluster/runtime';
import { privateServers, tokenFor } from '@chat-cluster/testkit';
import { register } from 'prom-client';
import { io as connectTo, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { createAuthenticator } from '../src/authenticate.ts';
import { loadConfig } from '../src/config.ts';
import { createHttpServer } from '../src/http/http-server.ts';
import { attachToConnections } from '../src/socket/attach.ts';
import type { ChatServer, ChatSocket } from '../src/socket/chat-socket.ts';
import type { Admission } from '../src/socket/connect/admission.ts';
import { sessionIdsOf } from '../src/socket/connect/session-id.ts';
import { Strangers } from '../src/socket/connect/strangers.ts';
import { UserLimiter } from '../src/socket/connect/user-limits.ts';
import type { Connection } from '../src/socket/engine-io.ts';
import type { PresenceDeps } from '../src/socket/events/presence-events.ts';
import { createSocketServer } from '../src/socket/server.ts';
import { boundUnread } from '../src/socket/transport/unread-budget.ts';

/** Dependencies of `PresenceEvents` with which everyone is visible. */
export const EVERYONE_VISIBLE: Pick<PresenceDeps, 'visibleTo' | 'newContacts' | 'logger'> = {
  visibleTo: async (_userId, userIds) => new Set(userIds),
  newContacts: { follow() {}, unfollow() {} },
  logger: createLogger({ name: 'test', level: 'fatal', format: 'json' }),
};

const SECRET = 'a secret of the tests of sockets';

/** The socket server of a gateway in this process, for tests of its edge. It has no events and no presence. */
export interface SocketEdge extends AsyncDisposable {
  url: string;
  http: HttpServer;
  io: ChatServer;
  admission: Admission;
  /** Log lines from level info on. */
  lines: { fields: Record<string, unknown>; text: string }[];
  /** A stock client of `userId` that is connecting. A connected socket is in the room of its user. */
  client(userId: string, options?: Partial<ManagerOptions & SocketOptions>): Socket;
  /** A TCP connection that is connecting. */
  tcp(): TcpSocket;
  /** A connected `client`. */
  connected(userId: string, options?: Partial<ManagerOptions & SocketOptions>): Promise<Socket>;
}

export async function startSockets(env: NodeJS.ProcessEnv = {}): Promise<SocketEdge> {
  const { redis } = await privateServers();
  const lines: SocketEdge['lines'] = [];
  const log = (...line: [Record<string, unknown>, string] | [string]) =>
    lines.push(line.length === 1 ? { fields: {}, text: line[0] } : { fields: line[0], text: line[1] });
  const logger = { debug: () => {}, info: log, warn: log, error: log } as unknown as Logger;
  const pubsub = await connectPubSub(redis.url, 'sharded', logger);
  const config = loadConfig({
    DATABASE_URL: 'postgres://none',
    REDIS_URL: redis.url,
    JWT_SECRET: SECRET,
    GATEWAY_NAME: 'gateway-7',
    ...env,
  });
  const http = createHttpServer(config);
  const strangers = new Strangers({ config, logger });
  const users = new UserLimiter(config);
  const { io, admission } = createSocketServer({
    http,
    users,
    strangers,
    adapter: createGatewayAdapter(pubsub).adapter,
    authenticate: createAuthenticator(config),
    config,
    logger,
    newSessionId: sessionIdsOf('gateway7'),
  });
  const none = { attach() {}, detach() {} };
  const welcome = { ...none, attach: (socket: ChatSocket) => void socket.join(socket.data.userId) };
  const backlog = new Set<Connection>();
  const parts = { config, logger, backlog, strangers, users };
  attachToConnections(io, { ...parts, welcome, presence: none, dispatcher: none, drain: none });
  const unread = boundUnread({ backlog, http, config, logger });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const { port } = http.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const clients: Socket[] = [];
  const raw: TcpSocket[] = [];
  const client: SocketEdge['client'] = (userId, options) => {
    const auth = { token: tokenFor({ jwtSecret: SECRET }, userId) };
    const socket = connectTo(url, { forceNew: true, transports: ['websocket'], auth, ...options });
    clients.push(socket);
    return socket;
  };
  return {
    url,
    http,
    io,
    admission,
    lines,
    client,
    tcp() {
      const socket = connectTcp({ port, host: '127.0.0.1' });
      socket.on('error', () => {});
      raw.push(socket);
      return socket;
    },
    async connected(userId, options) {
      const socket = client(userId, options);
      await once(socket as never, 'connect');
      return socket;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of clients) socket.disconnect();
      for (const socket of raw) socket.destroy();
      admission.close();
      await unread.stop();
      http.closeAllConnections();
      await io.close();
      await pubsub.close();
      for (const name of ['chat_write_buffer_bytes', 'chat_write_buffer_packets']) register.removeSingleMetric(name);
    },
  };
}

/** The value of a counter or gauge of this process. */
export async function metric(name: string, labels: Record<string, string> = {}): Promise<number> {
  const values = (await register.getSingleMetric(name)?.get())?.values ?? [];
  const matches = values.filter((value) => Object.entries(labels).every(([key, is]) => value.labels[key] === is));
  return matches.reduce((sum, { value }) => sum + value, 0);
}

/** A token for raw clients. */
export function rawToken(userId: string): string {
  return tokenFor({ jwtSecret: SECRET }, userId);
}
