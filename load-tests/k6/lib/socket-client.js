// @ts-check
// Longer than 250 lines because of the types of its options and events, which are comments here.

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
 * }} SocketClientOptions `url`: http:// or https://, with the prefix of `/socket.io/` as its path. `auth`: payload of
 *   the connect packet. `reconnect`: default true. `connectTimeoutMs`: default 20,000, as in stock clients.
 *   `ackTimeoutMs`: default 10,000.
 */

/**
 * Why a client is disconnected, named as in stock clients: `transport close` (the connection ended), `transport error`
 * (it broke), `ping timeout` (the server sent nothing), `io server disconnect` (the server ended the session),
 * `io client disconnect` (`close` was called), `cut` (`cut` was called).
 *
 * @typedef {'transport close' | 'transport error' | 'ping timeout'
 *   | 'io server disconnect' | 'io client disconnect' | 'cut'} Reason
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
 * }} SocketClientEvents `connected`: `connectMs` counts from the attempt to the accepted token, `attempt` from 0 since
 *   the last connection. `refused`: connect_error by the server, which is final, as in stock clients. `failed`: an
 *   attempt ended before the token was checked; another one follows. `reply`: does nothing when the server requests no
 *   ack. `unreadable`: a packet was dropped. `closed`: once, as the last event.
 */

/**
 * @typedef {{ socket: W3cSocket, isOpen: boolean, dropped: boolean, startedAt: number, problem: string | undefined }}
 *   Connection
 */

/**
 * A Socket.IO client for load tests, in the default namespace and over websockets only. It answers pings, matches acks,
 * and reconnects with the back-off of a stock client. It buffers nothing while disconnected, and has no polling and no
 * binary. It imports only files of this folder, so the same code runs on k6 and on Node.
 *
 *   idle ── connect ──▶ connecting ── connected ──▶ connected
 *                        │   ▲                        │
 *                 failed ▼   │ back-off               ▼ disconnected
 *                        └── waiting ◀────────────────┘
 *
 * From each state `close`, a refusal and a disconnect by the server lead to `closed`, the final state. Messages of an
 * abandoned connection are ignored.
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
   * Throws for a malformed `url`.
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
    if (this.#state === 'idle') this.#attemptConnect();
  }

  /**
   * Sends an event. Returns false without a connection: then nothing was sent.
   *
   * @param {string} name
   * @param {unknown[]} args
   */
  emit(name, ...args) {
    return this.connected && this.#send(encodeEvent(name, args));
  }

  /**
   * Sends an event with an ack: `onAnswer` receives the answer, or the reason why there is none. Returns false without
   * a connection: then nothing was sent, and `onAnswer` is never called.
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

  /** Abandons the connection without a disconnect packet, as in a network failure, and reconnects. */
  cut() {
    if (this.connected) this.#lost('cut');
  }

  /** Ends the session with a disconnect packet. */
  close() {
    if (this.connected) this.#send(encodeDisconnect());
    this.#end('io client disconnect');
  }

  #attemptConnect() {
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
      if (isCurrent()) this.#receive(connection, data);
    });
    socket.addEventListener('error', (event) => {
      connection.problem = problemOf(event);
    });
    socket.addEventListener('close', () => {
      if (isCurrent()) this.#lost(connection.problem === undefined ? 'transport close' : 'transport error');
    });
    this.#arm(connectTimeoutMs, () => {
      connection.problem = 'no session within the connect timeout';
      this.#lost('transport error');
    });
  }

  /**
   * @param {Connection} connection
   * @param {unknown} frame
   */
  #receive(connection, frame) {
    const packet = decode(frame);
    if ('namespace' in packet && packet.namespace !== '/')
      this.#events.unreadable?.(`a packet of the namespace ${packet.namespace}`);
    else if (packet.kind === 'event') {
      const { id } = packet;
      this.#events.event?.(packet.name, packet.args, (...answer) => {
        if (id !== undefined && this.#connection === connection) this.#send(encodeAck(id, answer));
      });
    } else if (packet.kind === 'ack') this.#acks.answered(packet.id, packet.args[0]);
    else if (packet.kind === 'ping') {
      this.#send(PONG);
      if (this.connected) this.#expectPing();
    } else if (packet.kind === 'unreadable') this.#events.unreadable?.(packet.reason);
    else this.#handshake(connection, packet);
  }

  /**
   * Handles the packets that begin and end a session.
   *
   * @param {Connection} connection
   * @param {import('./framing.js').Packet} packet
   */
  #handshake(connection, packet) {
    if (packet.kind === 'open') {
      this.#silenceMs = packet.pingInterval + packet.pingTimeout;
      this.#send(encodeConnect(this.#options.auth));
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

  /** The connection ended or is abandoned. The next attempt follows after the back-off. */
  #lost(/** @type {Reason} */ reason) {
    const { reconnect, random } = this.#options;
    const wasConnected = this.connected;
    const problem = this.#connection?.problem;
    const attempt = this.#attempt++;
    this.#drop();
    this.#state = reconnect ? 'waiting' : 'closed';
    if (reconnect) this.#arm(backOff(attempt, random), () => this.#attemptConnect());
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

  /** Abandons the connection. While it is opening, k6's `close` would block the VU, so it is then closed once open. */
  #drop() {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#arm(undefined);
    if (!connection) return;
    connection.dropped = true;
    if (connection.isOpen) connection.socket.close();
  }

  #send(/** @type {string} */ packet) {
    const socket = this.#connection?.socket;
    if (!socket || !isWritable(socket)) return false;
    socket.send(packet);
    return true;
  }

  /**
   * Sets the one timer of the current state: connect timeout, next ping or back-off.
   *
   * @param {number | undefined} ms undefined: no timer
   * @param {() => void} [action]
   */
  #arm(ms, action = () => {}) {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = ms === undefined ? undefined : setTimeout(action, ms);
  }
}

/** The code in `connect_error.data`, if there is one. */
function codeOf(/** @type {unknown} */ data) {
  if (typeof data !== 'object' || data === null || !('code' in data)) return undefined;
  return typeof data.code === 'string' ? data.code : undefined;
}
