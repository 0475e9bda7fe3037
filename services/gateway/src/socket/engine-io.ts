/*
 * The only file of the gateway that uses private parts of Socket.IO 4.8, engine.io 6.6 and ws 8. Each comment states
 * the behaviour that the gateway relies on; test/engine-io.test.ts pins the installed versions and checks it.
 * Longer than other files so that there is only one such file.
 */
import type { EventEmitter } from 'node:events';
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

/** An engine.io packet of the client, as the event `packet` has it, which is emitted before the packet is processed. */
export interface ReceivedPacket {
  type: string;
  data?: unknown;
}

/** Listener of `packetCreate`, which is emitted before the packet is put into the write buffer. */
export type PacketListener = (this: Connection, packet: Packet) => void;

/** All open connections. engine.io keeps them in `clients`, by session id. */
export function connectionsOf(io: ChatServer): Connection[] {
  return Object.values(engineOf(io).clients);
}

/** Options of the websockets that engine.io does not pass on. */
export interface WebsocketOptions {
  /** Time that a websocket waits for the client's close frame, in ms. */
  closeTimeout: number;
  /** Frames of a message, and reads from the network during a frame, at most. Beyond it ws closes with 1008. */
  maxFragments?: number;
  maxBufferedChunks?: number;
  /** An event and its payload, which a client receives before the close frame when its packet is too large. */
  onTooLarge?: readonly [string, object];
}

/**
 * Sets options of the websockets. `init` creates the websocket server from `wsEngine`; engine.io calls it again on
 * `listening`. The server of ws creates each websocket from the class in its options.
 */
export function setWebsocketOptions(io: ChatServer, { onTooLarge, ...more }: WebsocketOptions): void {
  const engine = engineOf(io);
  engine.opts.wsEngine = class extends engine.opts.wsEngine {
    constructor(options: object) {
      super({ ...options, ...more });
      this.options.WebSocket = countedWebsocket(this.options.WebSocket, onTooLarge);
    }
  };
  engine.init();
}

/** Receives a frame of the client and the size of its message, 0 for a ping or pong. */
export type FrameListener = (connection: Connection, bytes: number) => void;

/**
 * Calls `listener` for the frames of the websocket for which engine.io emits no `packet`: pings and pongs, which ws
 * answers itself, and messages after the close. Does nothing for long-polling.
 */
export function onUnseenFrame(connection: Connection, listener: FrameListener): void {
  const websocket = websocketOf(connection.transport);
  if (websocket) Object.assign(websocket, { connection, onUnseenFrame: listener });
}

/**
 * The class of websockets. ws parses what the client sends until the TCP connection ends, for up to `closeTimeout` after
 * a close, and engine.io ignores it: 200,000 frames cost 0.1 s of CPU. Here such frames are counted, and go no further.
 * `emit` is replaced, since listeners would be memory per idle connection.
 */
function countedWebsocket(Base: WebSocketClass, onTooLarge: WebsocketOptions['onTooLarge']): WebSocketClass {
  return class CountedWebSocket extends Base {
    connection: Connection | undefined = undefined;
    onUnseenFrame: FrameListener | undefined = undefined;
    /** Such frames before the websocket belongs to a connection. */
    early = 0;

    override emit(event: string, first?: unknown, second?: unknown): boolean {
      const isClosing = this.readyState !== OPEN || this.connection?.readyState === 'closing';
      const isLate = event === 'message' && isClosing;
      if (!isLate && event !== 'ping' && event !== 'pong') return super.emit(event, first, second);
      if (this.connection) this.onUnseenFrame?.(this.connection, isLate ? (first as Uint8Array).length : 0);
      else if (++this.early > MOST_EARLY) resetWebsocket(this);
      return true;
    }

    override close(code?: number, reason?: unknown): void {
      if (code === TOO_LARGE && onTooLarge && this.readyState === OPEN) {
        this.send(`${MESSAGE}${EVENT}${JSON.stringify(onTooLarge)}`);
      }
      super.close(code, reason);
    }
  };
}

/** Frames for which there is no `packet`, at most, on the websocket of an upgrade that is not complete. */
const MOST_EARLY = 8;
/** `readyState` of a websocket, and the code of its close when a message is too large. */
const [OPEN, TOO_LARGE] = [1, 1009];

/** Ends the TCP connection, and drops what ws has read and not parsed: up to 64 kB, which have thousands of frames. */
function resetWebsocket({ _socket, _receiver }: WebSocket): void {
  if (_receiver) Object.assign(_receiver, { _buffers: [], _bufferedBytes: 0 });
  if (_socket) resetConnection(_socket);
}

/** The response of a long-polling request: engine.io stores it in the request. An upgrade has none. */
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

/** Memory of a waiting packet besides its data, in bytes: about 180 in engine.io, 225 in the TCP socket. */
const PACKET_BYTES = 256;
/**
 * Memory for one byte that `waitingBytes` and `writableLength` count. They count the UTF-16 code units of a text, which
 * has 1 or 2 bytes each in the heap. While the kernel takes it, a copy in UTF-8 has another 1 to 3.
 */
export const MEMORY_PER_BYTE = 3;

/** Approximate memory of the packets that wait for the client, in bytes. */
export function waitingMemory(connection: Connection): number {
  return MEMORY_PER_BYTE * waitingBytes(connection) + PACKET_BYTES * waitingPackets(connection);
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
  const tcp = websocketOf(transport)?._socket;
  tcp?.cork();
  internals(connection).flush();
  tcp?.uncork();
}

/**
 * Ends the connection at once, with `reason` as the reason of `disconnect`. An orderly close would keep every buffer
 * until the client's close frame. `onClose` frees the write buffer and removes the connection from `clients`; a
 * discarded transport sends nothing more. The TCP reset frees what the kernel holds for the client, up to 4 MB. A
 * connection that has closed already may still have a websocket.
 */
export function abortConnection(connection: Connection, reason: string): void {
  const { transport } = connection;
  transport.discard();
  internals(connection).onClose(reason);
  const websocket = websocketOf(transport);
  if (websocket) resetWebsocket(websocket);
}

/** True when nothing of the connection is left: it has closed, and so has the TCP connection of its websocket. */
export function hasEnded({ readyState, transport }: Connection): boolean {
  return readyState === 'closed' && websocketOf(transport)?._socket?.destroyed !== false;
}

/** How long a closing connection waits until its client has taken the waiting packets and the close packet, in ms. */
const CLOSE_WITHIN_MS = 5_000;

/**
 * Closes the connection in an orderly way, but in time. engine.io waits for the next poll of a client: for the waiting
 * packets without an end, and for the close packet for 30 s. Meanwhile the connection occupies a place.
 */
export function closeConnection(connection: Connection): void {
  connection.close();
  if (connection.readyState !== 'closing') return;
  const timer = setTimeout(abortConnection, CLOSE_WITHIN_MS, connection, 'forced close');
  connection.once('close', () => clearTimeout(timer));
}

/** Stops reading from a websocket. Does nothing for long-polling. */
export function pauseReading(transport: Transport): void {
  websocketOf(transport)?.pause();
}

export function resumeReading(transport: Transport): void {
  websocketOf(transport)?.resume();
}

/**
 * Sets the largest packet that the transport accepts, in bytes. A larger one closes a websocket (ws: `_maxPayload` of
 * its receiver), as soon as its header has declared its size; over long-polling it gets 413.
 */
export function setMaxPacketBytes(transport: Transport, bytes: number): void {
  const receiver = websocketOf(transport)?._receiver;
  if (receiver) receiver._maxPayload = bytes;
  else Object.assign(transport, { maxHttpBufferSize: bytes });
}

/** Whether the transport is reading the body of a long-polling POST (`dataReq`). */
export function isReadingPost(transport: Transport): boolean {
  return Boolean((transport as { dataReq?: unknown }).dataReq);
}

/**
 * Frees the state of a socket that is useless after the connect, about a third of the heap of an idle connection
 * (`npm run bench -- idle`): the HTTP request that opened it (headers, query, streams), and `handshake`, the copy of it
 * with the token. Then `socket.request` is undefined and `socket.handshake` empty: state that is needed later belongs
 * in `socket.data`. Also the Map of acks and unused room of the listeners.
 *
 * Nothing of engine.io or Socket.IO reads `request` after the connect. Socket.IO writes `handshake` once, in the
 * constructor, and reads it only in `fetchSockets`. Polls have requests of their own, and so has an upgrade.
 */
export function releaseHandshakeState(socket: ChatSocket): void {
  const { conn } = socket;
  internals(conn).request = undefined;
  releaseResponse.call(conn);
  if (conn.transport.name === 'polling') conn.once('upgrade', releaseResponse);
  shrinkListeners(conn, 'close');
  Object.assign(socket, { handshake: EMPTY_HANDSHAKE, acks: NO_ACKS });
}

/** Node adds a third listener of an event to an array with room for 19, which stays after its removal. */
function shrinkListeners(
  emitter: Pick<EventEmitter, 'rawListeners' | 'removeAllListeners' | 'on'>,
  event: string,
): void {
  const listeners = emitter.rawListeners(event) as (() => void)[];
  emitter.removeAllListeners(event);
  for (const listener of listeners) emitter.on(event, listener);
}

/** The acks that a socket expects from its client, by id. Each socket has a Map of its own, but the gateway requests none. */
const NO_ACKS = new (class extends Map<number, never> {
  override set(): never {
    throw new Error('the gateway requests no acks from clients: releaseHandshakeState removes the Map of each socket');
  }
})();

/**
 * engine.io attaches a response to the TCP socket of a websocket, for middlewares, in a once-listener of `close`. ws
 * and Node add their listeners with `on`.
 */
function releaseResponse(this: Connection): void {
  const tcp = websocketOf(this.transport)?._socket;
  for (const listener of tcp?.rawListeners('close') ?? []) {
    if ('listener' in listener) tcp?.removeListener('close', listener.listener as () => void);
  }
}

/** The handshake of every connected socket, in the shape that `fetchSockets` sends to other servers. */
const EMPTY_HANDSHAKE: ChatSocket['handshake'] = Object.freeze({
  headers: Object.freeze({}),
  time: '',
  address: '',
  xdomain: false,
  secure: false,
  issued: 0,
  url: '',
  query: Object.freeze({}),
  auth: Object.freeze({}),
});

/** An event of a client. */
export interface EventPacket {
  /** The event's name, a string or a number, then its arguments; absent in an event without a name. */
  data?: unknown[];
  /** Present when the client requests an ack. */
  id?: number;
}

/** Replaces Socket.IO's `onevent`, which looks for middlewares and listeners of each event, by `handler`. */
export function receiveEvents(socket: ChatSocket, handler: (this: ChatSocket, packet: EventPacket) => void): void {
  Object.assign(socket, { onevent: handler });
}

/** engine.io's packet type of a message, and Socket.IO's ones of an event and an ack. */
const [MESSAGE, EVENT, ACK] = ['4', '2', '3'];

/**
 * Sends an ack whose result is plain JSON, past Socket.IO's encoder, which searches the result for binary data twice.
 * `writeToEngine` sends encoded packets.
 */
export function sendAck(socket: ChatSocket, id: number, result: object): void {
  if (socket.conn.readyState !== 'open') return;
  const { client } = socket as unknown as { client: { writeToEngine(packets: string[], options: object): void } };
  client.writeToEngine([`${ACK}${id}${JSON.stringify([result])}`], {});
}

function engineOf(io: ChatServer) {
  return io.engine as unknown as {
    readonly clients: Record<string, Connection>;
    readonly opts: { wsEngine: new (options: object) => { options: { WebSocket: WebSocketClass } } };
    init(): void;
  };
}

function internals(connection: Connection) {
  return connection as unknown as {
    request: unknown;
    readonly writeBuffer: readonly Packet[];
    /** Hands the write buffer to the transport, if that is writable. */
    flush(): void;
    onClose(reason: string): void;
  };
}

/** The socket of ws, in a websocket transport. */
function websocketOf(transport: Transport) {
  return (transport as { socket?: WebSocket }).socket;
}

type WebSocketClass = new (address: null, protocols: undefined, options: object) => WebSocket;

interface WebSocket extends EventEmitter {
  readonly readyState: number;
  readonly bufferedAmount: number;
  /** The TCP socket. */
  readonly _socket?: TcpSocket | null;
  readonly _receiver?: { _maxPayload: number };
  send(data: string): void;
  close(code?: number, reason?: unknown): void;
  pause(): void;
  resume(): void;
}
