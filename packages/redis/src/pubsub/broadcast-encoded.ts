/** What this file needs of an in-memory adapter (socket.io-adapter 2.5), some of it private there. */
export interface LocalRooms {
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
  readonly nsp: { readonly sockets: ReadonlyMap<string, LocalSocket> };
}

interface LocalSocket {
  readonly client: { writeToEngine(packets: readonly string[], options: EncodedOptions): void };
  listenersAnyOutgoing(): unknown[];
}

interface EncodedOptions {
  preEncoded: true;
  /** Of a websocket: what its transport writes as it is. Long-polling takes the text. */
  wsPreEncodedFrame: Buffer[];
}

/**
 * Emits events to the sockets of a room here, from JSON texts `[event, payload]` as the worker has encoded them: nothing
 * is parsed, and nothing encoded again. False, and nothing is emitted, when one of the sockets has a listener that wants
 * to see what is sent (badge-watch.ts): that one needs it parsed.
 */
export function broadcastEncoded({ rooms, nsp }: LocalRooms, room: string, events: readonly string[]): boolean {
  const sockets: LocalSocket[] = [];
  for (const id of rooms.get(room) ?? []) {
    const socket = nsp.sockets.get(id);
    if (!socket) continue;
    if (socket.listenersAnyOutgoing().length > 0) return false;
    sockets.push(socket);
  }
  if (sockets.length === 0) return true;
  for (const event of events) {
    const packet = `${EVENT}${event}`;
    const frame = [frameOf(MESSAGE + packet)];
    for (const { client } of sockets) client.writeToEngine([packet], { preEncoded: true, wsPreEncodedFrame: frame });
  }
  return true;
}

/** Types of Socket.IO's packet, and of Engine.IO's packet around it. */
const EVENT = '2';
const MESSAGE = '4';

/** A whole text frame of a server (RFC 6455, section 5.2), in one piece. */
function frameOf(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = 0x81;
  frame[1] = head === 2 ? length : head === 4 ? 126 : 127;
  if (head === 4) frame.writeUInt16BE(length, 2);
  if (head === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.write(text, head);
  return frame;
}
