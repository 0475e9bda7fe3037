import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { resetConnection } from '@chat-cluster/runtime/reset-connection';
import type { TextSocket, TextSocketEvents } from './socket-io-connection.ts';

export interface LeanWebSocketOptions {
  /** `ws://`, `wss://`, `http://` or `https://`, with path and query. */
  url: URL;
  /** Requested subprotocol. */
  protocol?: string;
  /** One of this machine's addresses. Each address has ports for about 28,000 connections to one server. */
  localAddress?: string;
  tls?: LeanTls;
}

/** Trust in a server over TLS: `ca` is an additional certificate authority (PEM); `insecure` trusts any certificate. */
export interface LeanTls {
  ca?: string;
  insecure?: boolean;
}

export interface LeanWebSocketEvents extends TextSocketEvents {
  open?(): void;
}

/**
 * A websocket client on a bare TCP or TLS socket. It takes a tenth of the memory and CPU of a usual one, so that one
 * process holds thousands of them and a measurement does not measure its load generator. It supports text messages,
 * whole or in fragments, pings and the close frame; no compression, and binary messages are dropped.
 */
export class LeanWebSocket implements TextSocket {
  #tcp: Socket;
  #events: LeanWebSocketEvents;
  #upgraded = false;
  #rest: Buffer | undefined;
  #fragments: Buffer[] = [];
  #status: number | undefined;
  #error: Error | undefined;

  constructor(options: LeanWebSocketOptions, events: LeanWebSocketEvents) {
    this.#events = events;
    this.#tcp = open(options);
    this.#tcp.setNoDelay(true);
    this.#tcp.write(upgrade(options));
    this.#tcp.on('data', (chunk: Buffer) => this.#read(chunk));
    // The event 'close' follows.
    this.#tcp.on('error', (error) => {
      this.#error = error;
    });
    this.#tcp.once('close', () => events.closed(this.#status, this.#error));
  }

  /** Sends one text message; dropped when the connection is gone. */
  send(text: string): void {
    if (this.#tcp.writable) this.#tcp.write(frame(TEXT, text));
  }

  /**
   * Closes with a TCP reset, as when a client loses its network: no close frame, and no port stays in TIME_WAIT. A TLS
   * connection can only be ended.
   */
  close(): void {
    if (this.#tcp instanceof TLSSocket) this.#tcp.destroy();
    else resetConnection(this.#tcp);
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
      this.#events.open?.();
      bytes = bytes.subarray(end + 4);
    }
    let at = 0;
    while (at + 2 <= bytes.length) {
      const { start, length } = payloadOf(bytes, at);
      if (start + length > bytes.length) break;
      this.#receive(bytes[at] as number, bytes, start, start + length);
      at = start + length;
    }
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at));
  }

  #receive(head: number, bytes: Buffer, start: number, end: number): void {
    const isLast = (head & FINAL) !== 0;
    const opcode = head & OPCODE;
    if (opcode === PING) {
      if (this.#tcp.writable) this.#tcp.write(frame(PONG, bytes.toString('latin1', start, end)));
    } else if (opcode === CLOSE) this.#tcp.end(frame(CLOSE, ''));
    else if (opcode === TEXT && isLast) this.#events.text(bytes.toString('utf8', start, end));
    else if (opcode === TEXT || (opcode === CONTINUATION && this.#fragments.length > 0)) {
      this.#fragments.push(Buffer.from(bytes.subarray(start, end)));
      if (!isLast) return;
      const whole = Buffer.concat(this.#fragments);
      this.#fragments = [];
      this.#events.text(whole.toString('utf8'));
    }
  }
}

/** Bits and opcodes of the first byte of a frame (RFC 6455, section 5.2). */
const FINAL = 0x80;
const OPCODE = 0x0f;
const CONTINUATION = 0;
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

function open({ url, localAddress, tls = {} }: LeanWebSocketOptions): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const secure = url.protocol === 'wss:' || url.protocol === 'https:';
  const port = Number(url.port) || (secure ? 443 : 80);
  const place = { host, port, ...(localAddress === undefined ? {} : { localAddress }) };
  if (!secure) return connect(place);
  return connectTls({
    ...place,
    ALPNProtocols: ['http/1.1'],
    // An IP address is not allowed as server name (RFC 6066, section 3). The certificate is checked against `host`
    // anyway.
    ...(isIP(host) ? {} : { servername: host }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    rejectUnauthorized: tls.insecure !== true,
  });
}

function upgrade({ url, protocol }: LeanWebSocketOptions): string {
  return [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    // A constant: the key only protects against caches between client and server.
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    '\r\n',
  ].join('\r\n');
}

/** `length` is infinite until all bytes of the length field have arrived. */
function payloadOf(bytes: Buffer, at: number): { start: number; length: number } {
  const short = (bytes[at + 1] as number) & 0x7f;
  if (short < 126) return { start: at + 2, length: short };
  const start = at + (short === 126 ? 4 : 10);
  if (start > bytes.length) return { start, length: Number.POSITIVE_INFINITY };
  return { start, length: short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6) };
}

/** One whole frame. A client must mask it; the mask is zero. */
function frame(opcode: number, text: string): Buffer {
  const encoding = opcode === TEXT ? 'utf8' : 'latin1';
  const length = Buffer.byteLength(text, encoding);
  const head = length < 126 ? 6 : length < 65_536 ? 8 : 14;
  const bytes = Buffer.allocUnsafe(head + length);
  bytes[0] = FINAL | opcode;
  if (head === 6) bytes[1] = 0x80 | length;
  else if (head === 8) {
    bytes[1] = 0x80 | 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 0x80 | 127;
    bytes.writeUIntBE(0, 2, 2);
    bytes.writeUIntBE(length, 4, 6);
  }
  bytes.fill(0, head - 4, head);
  bytes.write(text, head, encoding);
  return bytes;
}
