import { connect, type Socket } from 'node:net';

/** What a lean socket tells its owner. `packet` is the text of an Engine.IO packet, its type first. */
export interface LeanSocketEvents {
  packet(packet: string): void;
  /** Once: refused, ended or broken. `status`: of an HTTP answer that was no upgrade. */
  closed(status: number | undefined): void;
}

/**
 * A websocket to a Socket.IO server out of nothing but a TCP socket: a tenth of the memory and of the CPU of a stock
 * client, so that one process holds thousands and the generator is not what is measured. It speaks what Socket.IO 4
 * servers say (whole text frames) and no more.
 */
export class LeanSocket {
  #tcp: Socket;
  #events: LeanSocketEvents;
  #upgraded = false;
  #rest: Buffer | undefined;
  #status: number | undefined;

  constructor(port: number, events: LeanSocketEvents) {
    this.#events = events;
    this.#tcp = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#tcp.write(UPGRADE);
    this.#tcp.on('data', (chunk: Buffer) => this.#read(chunk));
    // What broke it does not matter: 'close' follows.
    this.#tcp.on('error', () => {});
    this.#tcp.once('close', () => events.closed(this.#status));
  }

  say(packet: string): void {
    if (this.#tcp.writable) this.#tcp.write(frame(packet));
  }

  close(): void {
    this.#tcp.resetAndDestroy();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    if (!this.#upgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#rest = bytes;
        return;
      }
      const status = Number(bytes.toString('latin1', 9, 12));
      if (status !== 101) {
        this.#status = status;
        this.#tcp.destroy();
        return;
      }
      this.#upgraded = true;
      bytes = bytes.subarray(end + 4);
    }
    this.#readFrames(bytes);
  }

  #readFrames(bytes: Buffer): void {
    let at = 0;
    while (at + 2 <= bytes.length) {
      const { start, length } = payloadOf(bytes, at);
      if (start + length > bytes.length) break;
      if ((bytes[at] as number) === TEXT) this.#hear(bytes.toString('utf8', start, start + length));
      at = start + length;
    }
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at));
  }

  #hear(packet: string): void {
    if (packet === PING) this.say(PONG);
    else this.#events.packet(packet);
  }
}

const PING = '2';
const PONG = '3';
/** The first byte of a whole text frame. */
const TEXT = 0x81;

const UPGRADE = [
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  '\r\n',
].join('\r\n');

/** `length` is infinite while its own bytes are not all there. */
function payloadOf(bytes: Buffer, at: number): { start: number; length: number } {
  const short = (bytes[at + 1] as number) & 0x7f;
  if (short < 126) return { start: at + 2, length: short };
  const start = at + (short === 126 ? 4 : 10);
  if (start > bytes.length) return { start, length: Number.POSITIVE_INFINITY };
  return { start, length: short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6) };
}

/** One text frame, masked with zeros, as a client has to. */
function frame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 6 : 8;
  if (length > 0xffff) throw new Error('a lean client says little');
  const bytes = Buffer.alloc(head + length);
  bytes[0] = TEXT;
  if (length < 126) bytes[1] = 0x80 | length;
  else {
    bytes[1] = 0x80 | 126;
    bytes.writeUInt16BE(length, 2);
  }
  bytes.write(text, head);
  return bytes;
}
