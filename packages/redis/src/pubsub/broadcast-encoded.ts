import { isPacketOfProtocol2 } from './protocol-2.ts';
import { EVENT, type LocalAdapter, type LocalSocket, MESSAGE, sendEncoded } from './socket-io-internals.ts';

/**
 * Emits events to the local sockets of a room, from JSON texts `[event, payload]` as the worker has encoded them.
 * Nothing is parsed or encoded again. Returns false, and emits nothing, when one of the sockets has a listener for
 * outgoing events (badge-watch.ts), which needs them parsed.
 */
export function broadcastEncoded({ rooms, nsp }: LocalAdapter, room: string, events: readonly string[]): boolean {
  const sockets: LocalSocket[] = [];
  for (const id of rooms.get(room) ?? []) {
    const socket = nsp.sockets.get(id);
    if (!socket) continue;
    if (socket.listenersAnyOutgoing().length > 0) return false;
    sockets.push(socket);
  }
  if (sockets.length === 0) return true;
  for (const event of events) sendTo(isPacketOfProtocol2(event) ? sockets.filter(hasProtocol2) : sockets, event);
  return true;
}

/** Emits an event of protocol 2 to those local sockets of a room that support it. Listeners do not receive it. */
export function broadcastOfProtocol2({ rooms, nsp }: LocalAdapter, room: string, event: string): void {
  const sockets = [...(rooms.get(room) ?? [])].flatMap((id) => nsp.sockets.get(id) ?? []);
  sendTo(sockets.filter(hasProtocol2), event);
}

function hasProtocol2({ data }: LocalSocket): boolean {
  return data.protocol === 2;
}

function sendTo(sockets: readonly LocalSocket[], event: string): void {
  if (sockets.length === 0) return;
  const packet = `${EVENT}${event}`;
  const frame = [frameOf(`${MESSAGE}${packet}`)];
  for (const socket of sockets) sendEncoded(socket, packet, frame);
}

/** A whole text frame of a websocket server (RFC 6455, section 5.2). */
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
