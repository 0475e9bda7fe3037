/*
 * The private parts of the Socket.IO packages that this package relies on: socket.io 4.8, socket.io-adapter 2.5,
 * engine.io 6.6 and @socket.io/redis-adapter 8.3. The test of this file pins these versions and checks each part. (The
 * format of the messages between adapters is in wire.ts, their channels in channels.ts.)
 */

/** An adapter of @socket.io/redis-adapter. Exactly one of the two methods exists, by the kind of the adapter. */
export interface ReceivingAdapter extends LocalAdapter {
  /** Kind `sharded`, private: called with each message from Redis, by name, so a method of the instance replaces it. */
  onRawMessage?(message: Buffer, channel: Buffer): void;
  /** Kind `sharded`, private: the channel of responses to this adapter. Messages from another channel are emits. */
  responseChannel?: string;
  /** Kind `classic`, private: the same. */
  onmessage?(pattern: null, channel: Buffer, message: Buffer): void;
}

/** The rooms and sockets of this process (`Adapter` of socket.io-adapter). All maps are public. */
export interface LocalAdapter {
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
  /** The rooms of each connected socket, by its id. */
  readonly sids: ReadonlyMap<string, ReadonlySet<string>>;
  readonly nsp: { readonly sockets: ReadonlyMap<string, LocalSocket> };
  /** Public: adds the socket to `sids` and to the rooms. */
  addAll(socketId: string, rooms: ReadonlySet<string>): void;
}

export interface LocalSocket {
  readonly client: {
    /**
     * Private method of `Client` (socket.io): hands encoded packets to the engine.io connection, without any of the
     * listeners and middleware of `emit`.
     */
    writeToEngine(packets: readonly string[], options: EncodedOptions): void;
  };
  /** Public: what the gateway stores with the socket. `protocol`: see protocol-2.ts. */
  readonly data: { readonly protocol?: number };
  /** Public: listeners that receive each outgoing event, parsed. */
  listenersAnyOutgoing(): unknown[];
}

/** Options of `writeToEngine`, as socket.io-adapter passes them for its broadcasts. engine.io modifies them. */
interface EncodedOptions {
  /** Read by socket.io: the packets are encoded. */
  preEncoded: true;
  /** Read by the websocket transport of engine.io, which writes it as it is. Long-polling sends the packet instead. */
  wsPreEncodedFrame: Buffer[];
}

/**
 * Sends one encoded packet of Socket.IO to a socket. `frame` is the same packet as a whole websocket frame, in the
 * pieces to write.
 */
export function sendEncoded({ client }: LocalSocket, packet: string, frame: Buffer[]): void {
  client.writeToEngine([packet], { preEncoded: true, wsPreEncodedFrame: frame });
}

/**
 * Keeps each socket out of the room that Socket.IO makes of its id. A room is then one of a user, whatever the user's
 * id: a user named like a socket id shares no room with that socket. Private: `_onconnect` joins that room, and is the
 * first to call `addAll` for a socket.
 *
 * So `io.to(socket.id)`, and the emits of `fetchSockets`, reach nothing, `socket.to` and `socket.broadcast` include the
 * sender, and the recovery of connection states does not work. `socket.emit`, and what applies to all sockets, do.
 */
export function joinNoRoomsOfSocketIds(adapter: LocalAdapter): void {
  const { addAll } = adapter;
  adapter.addAll = function (socketId, rooms) {
    addAll.call(this, socketId, this.sids.has(socketId) ? rooms : new Set());
  };
}

/** Packet type EVENT of the Socket.IO protocol. */
export const EVENT = 2;
/** Packet type MESSAGE of the Engine.IO protocol, which carries a packet of Socket.IO. */
export const MESSAGE = 4;
