import { connect, type Socket } from 'node:net';

/** A connection that says what no well-behaved client would: bytes, and websocket frames of any kind. */
export interface RawSocket {
  socket: Socket;
  write(bytes: string | Buffer): void;
  /** A text frame, as engine.io expects them. */
  say(packet: string): void;
  /** Resolves with all that was heard once `text` is in it. Rejects when the connection ends before, or after 5 s. */
  hears(text: string): Promise<string>;
}

const HEARS_WITHIN_MS = 5_000;

/** Connects to `port` of 127.0.0.1. What becomes of the connection afterwards is no error. */
export async function openRawSocket(port: number): Promise<RawSocket> {
  const socket = connect({ host: '127.0.0.1', port });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let heard = '';
  socket
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
    });
  const write = (bytes: string | Buffer) => {
    if (socket.writable) socket.write(bytes);
  };
  return {
    socket,
    write,
    say: (packet) => write(frame(packet)),
    hears: (text) =>
      new Promise((resolve, reject) => {
        const give = (settle: () => void) => {
          clearTimeout(timer);
          socket.off('data', look).off('close', gone);
          settle();
        };
        const look = () => heard.includes(text) && give(() => resolve(heard));
        const gone = () => give(() => reject(new Error(`the connection ended before ${text} came`)));
        const timer = setTimeout(() => give(() => reject(new Error(`${text} did not come`))), HEARS_WITHIN_MS);
        socket.on('data', look).on('close', gone);
        if (socket.closed) gone();
        else look();
      }),
  };
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

/** A websocket that engine.io has let in, and, with a token, Socket.IO into the namespace too. */
export async function openRawWebSocket(port: number, token?: string): Promise<RawSocket> {
  const raw = await openRawSocket(port);
  raw.write(upgrade());
  await raw.hears('0{"sid"');
  if (token === undefined) return raw;
  raw.say(`40${JSON.stringify({ token })}`);
  await raw.hears('40{"sid"');
  return raw;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One frame of a client, masked with zeros. `first`: its first byte, FIN and opcode; a whole text by default. */
export function frame(payload: string | Buffer, first: number = 0x80 | OPCODE.text): Buffer {
  const body = Buffer.from(payload as string);
  return Buffer.concat([Buffer.from([first]), lengthOf(body.length), Buffer.alloc(4), body]);
}

/** With the bit that says masked. */
function lengthOf(bytes: number): Buffer {
  if (bytes < 126) return Buffer.from([0x80 | bytes]);
  const [mark, size] = bytes < 65_536 ? [126, 2] : [127, 8];
  const head = Buffer.alloc(1 + size);
  head[0] = 0x80 | mark;
  head.writeUIntBE(bytes, 1 + size - Math.min(size, 6), Math.min(size, 6));
  return head;
}
