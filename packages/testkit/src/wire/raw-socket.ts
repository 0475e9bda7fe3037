import { connect, type Socket } from 'node:net';

/** A TCP connection that sends arbitrary bytes and websocket frames. */
export interface RawSocket {
  socket: Socket;
  write(bytes: string | Buffer): void;
  /** Sends a packet as Engine.IO expects it: in a text frame. */
  writePacket(packet: string): void;
  /** Everything received so far, as latin1. At most the first 64 kB. */
  received(): string;
  /** Resolves when `text` was received. Rejects when the connection ends before that, or after 5 s. */
  waitFor(text: string): Promise<void>;
}

const WAIT_TIMEOUT_MS = 5_000;
const KEPT_BYTES = 65_536;

export interface RawSocketOptions {
  /** Source address. On Linux, any address of 127.0.0.0/8. */
  localAddress?: string;
}

/** Connects to `port` of 127.0.0.1. Later errors of the connection are ignored. */
export async function openRawSocket(port: number, options: RawSocketOptions = {}): Promise<RawSocket> {
  const socket = connect({ host: '127.0.0.1', port, ...options });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let received = '';
  socket
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      if (received.length < KEPT_BYTES) received += chunk.toString('latin1');
    });
  const write = (bytes: string | Buffer) => {
    if (socket.writable) socket.write(bytes);
  };
  return {
    socket,
    received: () => received,
    write,
    writePacket: (packet) => write(frame(packet)),
    waitFor: (text) =>
      new Promise((resolve, reject) => {
        const settle = (error?: Error) => {
          clearTimeout(timer);
          socket.off('data', check).off('close', onClose);
          if (error) reject(error);
          else resolve();
        };
        const check = () => received.includes(text) && settle();
        const onClose = () => settle(new Error(`the connection ended before ${text} was received`));
        const timer = setTimeout(() => settle(new Error(`${text} was not received`)), WAIT_TIMEOUT_MS);
        socket.on('data', check).on('close', onClose);
        if (socket.closed) onClose();
        else check();
      }),
  };
}

/** Opens a websocket session of Engine.IO and, with a token, connects to the Socket.IO namespace. */
export async function openRawWebSocket(
  port: number,
  token?: string,
  options: RawSocketOptions = {},
): Promise<RawSocket> {
  const raw = await openRawSocket(port, options);
  raw.write(upgrade());
  await raw.waitFor('0{"sid"');
  if (token === undefined) return raw;
  raw.writePacket(`40${JSON.stringify({ token })}`);
  await raw.waitFor('40{"sid"');
  return raw;
}

/** The request that opens a websocket; `query` as in a URL. */
export function upgrade(query = 'EIO=4&transport=websocket', headers: readonly string[] = []): string {
  return [
    `GET /socket.io/?${query} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
    '\r\n',
  ].join('\r\n');
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One client frame, masked with zeros. `first`: its first byte, FIN and opcode. Default: a complete text frame. */
export function frame(payload: string | Buffer, first: number = 0x80 | OPCODE.text): Buffer {
  const body = Buffer.from(payload as string);
  return Buffer.concat([Buffer.from([first]), lengthField(body.length), Buffer.alloc(4), body]);
}

/** The length field of a frame, with the mask bit set. */
function lengthField(bytes: number): Buffer {
  if (bytes < 126) return Buffer.from([0x80 | bytes]);
  const [marker, size] = bytes < 65_536 ? [126, 2] : [127, 8];
  const field = Buffer.alloc(1 + size);
  field[0] = 0x80 | marker;
  field.writeUIntBE(bytes, 1 + size - Math.min(size, 6), Math.min(size, 6));
  return field;
}
