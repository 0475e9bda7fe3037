/*
 * The only file of the gateway that uses private parts of Socket.IO 4.8, engine.io 6.6 and ws 8. Each comment states
 * the behaviour that the gateway relies on; test/engine-io.test.ts pins the installed versions and checks it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import { resetConnection } from '@chat-cluster/runtime';
import type { ChatServer, ChatSocket } from './chat-socket.ts';

/** An engine.io connection, over long-polling or a websocket, authenticated or not. */
export type Connection = ChatSocket['conn'];
export type Transport = Connection['transport'];

/** An engine.io packet for the client. */
export interface Packet {
  data?: string | Uint8Array;
}

/** Listener of `packetCreate`, which is emitted before the packet is put into the write buffer. */
export type PacketListener = (this: Connection, packet: Packet) => void;

/** All open connections. engine.io keeps them in `clients`, by session id. */
export function connectionsOf(io: ChatServer): Connection[] {
  return Object.values((io.engine as unknown as EngineInternals).clients);
}

/**
 * Sets how long a websocket waits for the client's close frame, in ms. `closeTimeout` is an option of ws that engine.io
 * does not pass on. `init` creates the websocket server from `wsEngine`; engine.io calls it again on `listening`.
 */
export function setCloseTimeout(io: ChatServer, ms: number): void {
  const engine = io.engine as unknown as EngineInternals;
  engine.opts.wsEngine = class extends engine.opts.wsEngine {
    constructor(options: object) {
      super({ ...options, closeTimeout: ms });
    }
  };
  engine.init();
}

/**
 * The response of a long-polling request that opens a session: engine.io stores it in the request. An upgrade has none.
 */
export function responseOf(request: IncomingMessage): ServerResponse | undefined {
  return (request as { res?: ServerResponse | null }).res ?? undefined;
}

/** Packets that are not yet handed to the transport, which takes all of them at once when it is writable. */
export function waitingPackets(connection: Connection): number {
  return internals(connection).writeBuffer.length;
}

/** Size of the packets that wait in engine.io's write buffer or, over a websocket, in ws (`bufferedAmount`). */
export function waitingBytes(connection: Connection): number {
  let sum = websocketOf(connection.transport)?.bufferedAmount ?? 0;
  for (const packet of internals(connection).writeBuffer) sum += sizeOf(packet);
  return sum;
}

/** Text counts as its number of UTF-16 code units: a byte of memory each in Latin-1 text, two in other text. */
export function sizeOf({ data }: Packet): number {
  return data?.length ?? 0;
}

/**
 * Makes the next packets of a websocket wait in the write buffer: engine.io writes only while the transport is
 * `writable`. Returns the transport for {@link writeHeldPackets}; undefined if packets wait already, or for polling.
 */
export function holdPackets({ transport }: Connection): Transport | undefined {
  if (!transport.writable || transport.name !== 'websocket') return undefined;
  transport.writable = false;
  return transport;
}

/** Writes the held packets with one system call: ws writes each frame to the TCP socket, which is corked meanwhile. */
export function writeHeldPackets(connection: Connection, transport: Transport): void {
  transport.writable = true;
  const tcp = tcpOf(transport);
  tcp?.cork();
  internals(connection).flush();
  tcp?.uncork();
}

/**
 * Ends the connection at once, with `reason` as the reason of `disconnect`. An orderly close would keep every buffer
 * until the client's close frame. `onClose` frees the write buffer and removes the connection from `clients`; a
 * discarded transport sends nothing more. The TCP reset frees what the kernel holds for the client, up to 4 MB.
 */
export function abortConnection(connection: Connection, reason: string): void {
  const { transport } = connection;
  transport.discard();
  internals(connection).onClose(reason);
  const tcp = tcpOf(transport);
  if (tcp) resetConnection(tcp);
}

/** Stops reading from a websocket; `pause` and `resume` are ws's. Does nothing for long-polling. */
export function pauseReading(transport: Transport): void {
  websocketOf(transport)?.pause();
}

export function resumeReading(transport: Transport): void {
  websocketOf(transport)?.resume();
}

/** Whether the transport is reading the body of a long-polling POST (`dataReq`). */
export function isReadingPost(transport: Transport): boolean {
  return Boolean((transport as unknown as TransportInternals).dataReq);
}

/**
 * Drops the references to the HTTP request that opened the connection: `request`, and the response that engine.io
 * attaches to the TCP socket of a websocket for middlewares, in a once-listener of `close`. ws and Node add theirs with
 * `on`. Nothing of engine.io or Socket.IO reads `request` after the connect. An upgrade attaches its own response.
 */
export function releaseRequest(connection: Connection): void {
  internals(connection).request = undefined;
  releaseResponse.call(connection);
  if (connection.transport.name === 'polling') connection.once('upgrade', releaseResponse);
}

function releaseResponse(this: Connection): void {
  const tcp = tcpOf(this.transport);
  for (const listener of tcp?.rawListeners('close') ?? []) {
    if ('listener' in listener) tcp?.removeListener('close', listener.listener as () => void);
  }
}

/** Replaces `socket.handshake`. Socket.IO writes it once, in the constructor, and reads it only in `fetchSockets`. */
export function replaceHandshake(socket: ChatSocket, handshake: ChatSocket['handshake']): void {
  Object.assign(socket, { handshake });
}

/** An event of a client. */
export interface EventPacket {
  /** The event's name, a string or a number, then its arguments; absent in an event without a name. */
  data?: unknown[];
  /** Present when the client requests an ack. */
  id?: number;
}

/** Replaces Socket.IO's `onevent`, which looks for middlewares and listeners of each event, by `handler`. */
export function receiveEvents(socket: ChatSocket, handler: (this: ChatSocket, packet: EventPacket) => void): void {
  (socket as unknown as SocketInternals).onevent = handler;
}

/** Socket.IO's packet type of an ack. */
const ACK = '3';

/**
 * Sends an ack whose result is plain JSON, past Socket.IO's encoder, which searches the result for binary data twice.
 */
export function sendAck(socket: ChatSocket, id: number, result: object): void {
  const { client } = socket as unknown as SocketInternals;
  if (client.conn.readyState === 'open') client.writeToEngine([`${ACK}${id}${JSON.stringify([result])}`], {});
}

interface EngineInternals {
  readonly clients: Record<string, Connection>;
  readonly opts: { wsEngine: new (options: object) => object };
  init(): void;
}

interface ConnectionInternals {
  request: unknown;
  readonly writeBuffer: readonly Packet[];
  /** Hands the write buffer to the transport, if that is writable. */
  flush(): void;
  onClose(reason: string): void;
}

interface TransportInternals {
  /** Present in a websocket transport: the socket of ws, whose `_socket` is the TCP socket. */
  readonly socket?: {
    readonly bufferedAmount: number;
    readonly _socket?: TcpSocket | null;
    pause(): void;
    resume(): void;
  };
  /** Present in a polling transport. */
  readonly dataReq?: unknown;
}

interface SocketInternals {
  onevent(this: ChatSocket, packet: EventPacket): void;
  readonly client: {
    readonly conn: { readonly readyState: string };
    /** Sends encoded packets. */
    writeToEngine(packets: readonly string[], options: object): void;
  };
}

function internals(connection: Connection): ConnectionInternals {
  return connection as unknown as ConnectionInternals;
}

function websocketOf(transport: Transport): TransportInternals['socket'] {
  return (transport as unknown as TransportInternals).socket;
}

function tcpOf(transport: Transport): TcpSocket | null | undefined {
  return websocketOf(transport)?._socket;
}
