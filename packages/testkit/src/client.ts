import { randomBytes } from 'node:crypto';
import type {
  ClientToServerEvents,
  Conversation,
  ErrorPayload,
  FailureAck,
  Message,
  MessagesRead,
  Presence,
  ReadAck,
  SendAck,
  ServerToClientEvents,
  Session,
  Typing,
  UnreadCount,
} from '@chat-cluster/contracts';
import { signToken } from '@chat-cluster/local-cluster';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { eventually } from './eventually.ts';

/** A cluster as its clients see it. */
export interface Target {
  url: string;
  jwtSecret: string;
}

/** A stock socket.io-client that keeps every event it receives. */
export interface TestClient {
  userId: string;
  socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  session: Session;
  messages: Message[];
  badges: UnreadCount[];
  receipts: MessagesRead[];
  presence: Presence[];
  typings: Typing[];
  exceptions: { event: string; error: ErrorPayload }[];
  /** `send` and `read` resolve with the ack, even when it is a failure. */
  send(payload: unknown): Promise<SendAck | FailureAck>;
  read(payload: unknown): Promise<ReadAck | FailureAck>;
  close(): void;
}

/** A user id that no other test uses. */
export function newUser(name: string): string {
  return `${name}-${randomBytes(4).toString('hex')}`;
}

export function tokenFor({ jwtSecret }: Pick<Target, 'jwtSecret'>, userId: string): string {
  return signToken(userId, jwtSecret);
}

/** Connects a device of `userId`; resolves after its session and its first badge. Rejects with the connect_error. */
export async function connect(
  target: Target,
  userId: string,
  options: Partial<ManagerOptions & SocketOptions> = {},
): Promise<TestClient> {
  const socket: TestClient['socket'] = io(target.url, {
    forceNew: true,
    auth: { token: tokenFor(target, userId) },
    ...options,
  });
  const received = { messages: [], badges: [], receipts: [], presence: [], typings: [], exceptions: [] } as Pick<
    TestClient,
    'messages' | 'badges' | 'receipts' | 'presence' | 'typings' | 'exceptions'
  >;
  socket.on('new_message', (message) => received.messages.push(message));
  socket.on('unread_count', (badge) => received.badges.push(badge));
  socket.on('messages_read', (receipt) => received.receipts.push(receipt));
  socket.on('presence', (presence) => received.presence.push(presence));
  socket.on('typing', (typing) => received.typings.push(typing));
  socket.on('exception', (exception) => received.exceptions.push(exception));
  const session = new Promise<Session>((resolve) => socket.on('session', resolve));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    const client = { userId, socket, ...received, session: await session } as TestClient;
    client.send = (payload) => socket.timeout(20_000).emitWithAck('send_message', payload as never);
    client.read = (payload) => socket.timeout(20_000).emitWithAck('read_messages', payload as never);
    client.close = () => socket.disconnect();
    await eventually(() => {
      if (received.badges.length === 0) throw new Error('no unread_count after connect');
    });
    return client;
  } catch (error) {
    socket.disconnect();
    throw error;
  }
}

/** As `connect`, on a gateway other than `gatewayId`. */
export async function connectElsewhere(
  target: Target,
  userId: string,
  gatewayId: string,
  options: Partial<ManagerOptions & SocketOptions> = {},
): Promise<TestClient> {
  return untilElsewhere(
    gatewayId,
    () => connect(target, userId, options),
    ({ session }) => session.gatewayId,
  );
}

/** Connections to the wrong gateway that stay open, so that an entry that prefers the least busy one takes another. */
const HELD_MEANWHILE = 4;

/** Connects until the entry assigns a client to a gateway other than `gatewayId`; resolves with that client. */
export async function untilElsewhere<Client extends { close(): void }>(
  gatewayId: string,
  connectClient: () => Promise<Client>,
  gatewayOf: (client: Client) => string,
): Promise<Client> {
  const wrong: Client[] = [];
  try {
    return await eventually(async () => {
      const client = await connectClient();
      if (gatewayOf(client) !== gatewayId) return client;
      if (wrong.push(client) > HELD_MEANWHILE) wrong.shift()?.close();
      throw new Error(`connected to ${gatewayId} each time`);
    });
  } finally {
    for (const client of wrong) client.close();
  }
}

/** A call of the REST API as `userId`, or without a token. */
export async function api<T>(
  target: Target,
  userId: string | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; headers: Headers; body: T }> {
  const response = await fetch(target.url + path, {
    method,
    headers: {
      ...(userId === undefined ? {} : { authorization: `Bearer ${tokenFor(target, userId)}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}

export async function openConversation(target: Target, a: string, b: string): Promise<string> {
  const { status, body } = await api<Conversation>(target, a, 'POST', '/api/conversations', { participantId: b });
  if (status !== 200 && status !== 201) throw new Error(`POST /api/conversations: ${status} ${JSON.stringify(body)}`);
  return body.id;
}
