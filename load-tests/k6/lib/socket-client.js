// @ts-check

import { Acks } from './acks.js';
import { backOff } from './back-off.js';
import { decode, encodeAck, encodeConnect, encodeDisconnect, encodeEvent, PONG, socketUrl } from './framing.js';
import { isWritable, problemOf } from './w3c-socket.js';

/** @import { W3cSocket } from './w3c-socket.js' */

/**
 * @typedef {{
 *   url: string,
 *   auth: unknown,
 *   openSocket: (url: string) => W3cSocket,
 *   reconnect?: boolean,
 *   connectTimeoutMs?: number,
 *   ackTimeoutMs?: number,
 *   random?: () => number,
 *   now?: () => number,
 * }} SocketClientOptions `url`: http:// or https://, with the prefix of `/socket.io/` as its path. `auth`: of the connect
 *   packet. `reconnect`: as a stock client does, the default. `connectTimeoutMs`: 20,000 by default, as stock clients
 *   have it. `ackTimeoutMs`: 10,000 by default.
 */

/**
 * Why a client is not connected, in the words of stock clients: `transport close` (the connection ended), `transport
 * error` (it broke), `ping timeout` (the server went silent), `io server disconnect` (the server said goodbye),
 * `io client disconnect` (`close` was called), `cut` (`cut` was called).
 *
 * @typedef {'transport close' | 'transport error' | 'ping timeout' | 'io server disconnect' | 'io client disconnect' | 'cut'} Reason
 */

/**
 * @typedef {{
 *   connected?(about: { sid: string | undefined, connectMs: number, attempt: number }): void,
 *   refused?(error: { code: string, message: string, data: unknown }): void,
 *   failed?(about: { message: string, attempt: number }): void,
 *   event?(name: string, args: unknown[], reply: (...answer: unknown[]) => void): void,
 *   disconnected?(reason: Reason): void,
 *   unreadable?(reason: string): void,
 *   closed?(): void,
 * }} SocketClientEvents `connected`: `connectMs` from the attempt to the server's yes to the token; `attempt` counts from
 *   0 since it was connected last. `refused`: connect_error, by the server; as with stock clients that is final. `failed`:
 *   an attempt came to nothing, before the token was looked at; another one follows. `reply`: does nothing when the
 *   server wants no ack. `unreadable`: a packet was dropped. `closed`: once, nothing follows.
 */

/**
 * @typedef {{ socket: W3cSocket, isOpen: boolean, dropped: boolean, startedAt: number, problem: string | undefined }} Connection
 */

/**
 * A Socket.IO client in the default namespace over websockets alone, for load tests: it answers pings, counts acks,
 * comes back by itself with the back-off of a stock client, and buffers nothing while it is away. No polling and no
 * binary. It imports nothing but its own files, so that the very same code runs on k6 and on Node.
 *
 *   idle ── connect ──▶ connecting ── connected ──▶ connected
 *                        │   ▲                        │
 *                 failed ▼   │ back-off               ▼ disconnected
 *                        └── waiting ◀────────────────┘
 *
 * From each of them `close`, a refusal and a goodbye of the server lead to `closed`, which is the end. A connection that
 * is given up is no longer listened to, whatever it still says.
 */
export class SocketClient {
  #options;
  #events;
  #address;
  #acks;
  /** @type {'idle' | 'connecting' | 'connected' | 'waiting' | 'closed'} */
  #state = 'idle';
  /** @type {Connection | undefined} */
  #connection;
  #attempt = 0;
  #silenceMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * Throws for a `url` that is none.
   *
   * @param {SocketClientOptions} options
   * @param {SocketClientEvents} events
   */
  constructor(options, events) {
    this.#options = { reconnect: true, connectTimeoutMs: 20000, random: Math.random, now: Date.now, ...options };
    this.#events = events;
    this.#address = socketUrl(options.url);
    this.#acks = new Acks(options.ackTimeoutMs || 10000, this.#options.now);
  }

  get connected() {
    return this.#state === 'connected';
  }

  connect() {
    if (this.#state === 'idle') this.#open();
  }

  /**
   * Sends an event. False when there is no connection: then nothing was sent.
   *
   * @param {string} name
   * @param {unknown[]} args
   */
  emit(name, ...args) {
    return this.connected && this.#say(encodeEvent(name, args));
  }

  /**
   * Sends an event that wants an ack; `onAnswer` hears what the server answers, or why it did not. False when there is
   * no connection: then nothing was sent, and `onAnswer` is never called.
   *
   * @param {string} name
   * @param {unknown} payload
   * @param {import('./acks.js').OnAnswer} onAnswer
   */
  call(name, payload, onAnswer) {
    const socket = this.#connection?.socket;
    if (!this.connected || !socket || !isWritable(socket)) return false;
    socket.send(encodeEvent(name, [payload], this.#acks.expect(onAnswer)));
    return true;
  }

  /** Gives the connection up without a goodbye to the session, as a lost network does, and comes back. */
  cut() {
    if (this.connected) this.#lost('cut');
  }

  /** The end, with a goodbye. */
  close() {
    if (this.connected) this.#say(encodeDisconnect());
    this.#end('io client disconnect');
  }

  #open() {
    this.#state = 'connecting';
    const { openSocket, now, connectTimeoutMs } = this.#options;
    const socket = openSocket(this.#address);
    /** @type {Connection} */
    const connection = { socket, isOpen: false, dropped: false, startedAt: now(), problem: undefined };
    this.#connection = connection;
    const isCurrent = () => this.#connection === connection;
    socket.addEventListener('open', () => {
      connection.isOpen = true;
      if (connection.dropped) socket.close();
    });
    socket.addEventListener('message', ({ data }) => {
      if (isCurrent()) this.#hear(connection, data);
    });
    socket.addEventListener('error', (event) => {
      connection.problem = problemOf(event);
    });
    socket.addEventListener('close', () => {
      if (isCurrent()) this.#lost(connection.problem === undefined ? 'transport close' : 'transport error');
    });
    this.#arm(connectTimeoutMs, () => {
      connection.problem = 'no session in time';
      this.#lost('transport error');
    });
  }

  /**
   * @param {Connection} connection
   * @param {unknown} frame
   */
  #hear(connection, frame) {
    const packet = decode(frame);
    if ('namespace' in packet && packet.namespace !== '/')
      this.#events.unreadable?.(`a packet of the namespace ${packet.namespace}`);
    else if (packet.kind === 'event') {
      const { id } = packet;
      this.#events.event?.(packet.name, packet.args, (...answer) => {
        if (id !== undefined && this.#connection === connection) this.#say(encodeAck(id, answer));
      });
    } else if (packet.kind === 'ack') this.#acks.answered(packet.id, packet.args[0]);
    else if (packet.kind === 'ping') {
      this.#say(PONG);
      if (this.connected) this.#expectPing();
    } else if (packet.kind === 'unreadable') this.#events.unreadable?.(packet.reason);
    else this.#handshake(connection, packet);
  }

  /**
   * The packets with which a session begins and ends.
   *
   * @param {Connection} connection
   * @param {import('./framing.js').Packet} packet
   */
  #handshake(connection, packet) {
    if (packet.kind === 'open') {
      this.#silenceMs = packet.pingInterval + packet.pingTimeout;
      this.#say(encodeConnect(this.#options.auth));
    } else if (packet.kind === 'connected') {
      const attempt = this.#attempt;
      this.#attempt = 0;
      this.#state = 'connected';
      this.#expectPing();
      this.#events.connected?.({ sid: packet.sid, connectMs: this.#options.now() - connection.startedAt, attempt });
    } else if (packet.kind === 'refused') {
      const { message, data } = packet;
      this.#events.refused?.({ code: codeOf(data) || message, message, data });
      this.#end('io server disconnect');
    } else if (packet.kind === 'disconnected') this.#end('io server disconnect');
    else if (packet.kind === 'close') this.#lost('transport close');
  }

  #expectPing() {
    this.#arm(this.#silenceMs, () => this.#lost('ping timeout'));
  }

  /** The connection is over, or given up; the next one is tried after the back-off. */
  #lost(/** @type {Reason} */ reason) {
    const { reconnect, random } = this.#options;
    const wasConnected = this.connected;
    const problem = this.#connection?.problem;
    const attempt = this.#attempt++;
    this.#drop();
    this.#state = reconnect ? 'waiting' : 'closed';
    if (reconnect) this.#arm(backOff(attempt, random), () => this.#open());
    if (wasConnected) this.#events.disconnected?.(reason);
    else this.#events.failed?.({ message: problem || reason, attempt });
    this.#acks.disconnected();
    if (!reconnect) this.#events.closed?.();
  }

  #end(/** @type {Reason} */ reason) {
    if (this.#state === 'closed') return;
    const wasConnected = this.connected;
    this.#drop();
    this.#state = 'closed';
    if (wasConnected) this.#events.disconnected?.(reason);
    this.#acks.disconnected();
    this.#events.closed?.();
  }

  /** k6's `close` blocks the whole VU on a websocket that is not open yet, so such a one is closed when it is. */
  #drop() {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#arm(undefined);
    if (!connection) return;
    connection.dropped = true;
    if (connection.isOpen) connection.socket.close();
  }

  #say(/** @type {string} */ packet) {
    const socket = this.#connection?.socket;
    if (!socket || !isWritable(socket)) return false;
    socket.send(packet);
    return true;
  }

  /**
   * The one timer of the state: of the connect, of the next ping, of the back-off.
   *
   * @param {number | undefined} ms undefined: none any more
   * @param {() => void} [action]
   */
  #arm(ms, action = () => {}) {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = ms === undefined ? undefined : setTimeout(action, ms);
  }
}

/** Of `connect_error.data`, where the server gives one. */
function codeOf(/** @type {unknown} */ data) {
  if (typeof data !== 'object' || data === null || !('code' in data)) return undefined;
  return typeof data.code === 'string' ? data.code : undefined;
}
