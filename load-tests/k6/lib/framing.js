// @ts-check

/*
 * The protocols Engine.IO 4 and Socket.IO 5 (of Socket.IO 3 and 4) over a websocket, as pure functions. A packet is one
 * text message. Its first character is the type of the Engine.IO packet; `4` contains a Socket.IO packet:
 *
 *   0{"sid":…}           open, from the server          40{"token":…}    connect, and its answer 40{"sid":…}
 *   1                    close                          41               disconnect
 *   2, 3                 server's ping, client's pong   42["event",…]    event; 42<id>[…] requests an ack
 *   4…                   a Socket.IO packet             43<id>[…]        ack
 *   6                    no operation                   44{"message":…}  connect refused
 *                                                       45, 46           event and ack with binary attachments
 *
 * A namespace other than `/` follows the type: `42/chat,["event"]`.
 */

/**
 * @typedef {{ kind: 'open', sid: string, pingInterval: number, pingTimeout: number }} OpenPacket
 * @typedef {{ kind: 'close' } | { kind: 'ping' } | { kind: 'pong' } | { kind: 'nothing' }} EnginePacket
 * @typedef {{ kind: 'connected', namespace: string, sid: string | undefined }} ConnectedPacket
 * @typedef {{ kind: 'refused', namespace: string, message: string, data: unknown }} RefusedPacket
 * @typedef {{ kind: 'disconnected', namespace: string }} DisconnectedPacket
 * @typedef {{ kind: 'event', namespace: string, id: number | undefined, name: string, args: unknown[] }} EventPacket
 * @typedef {{ kind: 'ack', namespace: string, id: number, args: unknown[] }} AckPacket
 * @typedef {{ kind: 'unreadable', reason: string }} UnreadablePacket
 * @typedef {OpenPacket | EnginePacket | ConnectedPacket | RefusedPacket | DisconnectedPacket | EventPacket | AckPacket
 *   | UnreadablePacket} Packet
 */

/** The answer to a ping. Without it the server closes after `pingInterval` plus `pingTimeout`, by default 45 s. */
export const PONG = '3';

/** Parses one websocket message. Never throws: a malformed one is `unreadable`, with the reason. */
export function decode(/** @type {unknown} */ frame) {
  if (typeof frame !== 'string') return unreadable('a binary message');
  const body = frame.slice(1);
  switch (frame[0]) {
    case '0':
      return open(body);
    case '1':
      return /** @type {Packet} */ ({ kind: 'close' });
    case '2':
      return /** @type {Packet} */ ({ kind: 'ping' });
    case '3':
      return /** @type {Packet} */ ({ kind: 'pong' });
    case '4':
      return message(body);
    case '6':
      return /** @type {Packet} */ ({ kind: 'nothing' });
    default:
      return unreadable(`not a packet: ${frame.slice(0, 40)}`);
  }
}

/** The client's first Socket.IO packet. `auth` becomes `socket.handshake.auth` at the server. */
export function encodeConnect(/** @type {unknown} */ auth, namespace = '/') {
  return `40${prefix(namespace)}${JSON.stringify(auth)}`;
}

/**
 * An event. With `id`, a whole number that is not in use, the server answers it with an ack.
 *
 * @param {string} name
 * @param {unknown[]} args
 * @param {number} [id]
 * @param {string} [namespace]
 */
export function encodeEvent(name, args, id, namespace = '/') {
  return `42${prefix(namespace)}${id === undefined ? '' : id}${JSON.stringify([name, ...args])}`;
}

/**
 * The answer to an event of the server with an `id`.
 *
 * @param {number} id
 * @param {unknown[]} args
 * @param {string} [namespace]
 */
export function encodeAck(id, args, namespace = '/') {
  return `43${prefix(namespace)}${id}${JSON.stringify(args)}`;
}

/** Ends the session: without it the server would wait for the ping timeout, as after a lost connection. */
export function encodeDisconnect(namespace = '/') {
  return `41${prefix(namespace)}`;
}

/**
 * The websocket URL for an `http://` or `https://` URL, whose path becomes the prefix of `/socket.io/`. Throws for
 * anything else.
 */
export function socketUrl(/** @type {string} */ url) {
  const [, secure, rest = ''] = /^http(s?):\/\/([^\s?#]+)$/.exec(url) || [];
  if (secure === undefined) throw new Error(`"${url}" is not a URL such as http://127.0.0.1:3000`);
  return `ws${secure}://${rest.replace(/\/+$/, '')}/socket.io/?EIO=4&transport=websocket`;
}

/** @returns {UnreadablePacket} */
function unreadable(/** @type {string} */ reason) {
  return { kind: 'unreadable', reason };
}

/** @returns {Packet} */
function open(/** @type {string} */ body) {
  const data = parse(body);
  if (!isObject(data)) return unreadable('an open packet without data');
  const { sid, pingInterval, pingTimeout } = data;
  if (typeof sid !== 'string' || typeof pingInterval !== 'number' || typeof pingTimeout !== 'number')
    return unreadable('an open packet without sid, pingInterval and pingTimeout');
  return { kind: 'open', sid, pingInterval, pingTimeout };
}

/**
 * A Socket.IO packet: type, then optionally namespace, id and data.
 *
 * @returns {Packet}
 */
function message(/** @type {string} */ body) {
  const type = body[0];
  if (type === '5' || type === '6') return unreadable('binary attachments');
  const match = /^[0-4](\/[^,]*,)?(\d*)([\s\S]*)$/.exec(body);
  if (!match) return unreadable(`not a Socket.IO packet: ${body.slice(0, 40)}`);
  const namespace = match[1] === undefined ? '/' : match[1].slice(0, -1).replace(/\?.*$/, '');
  const id = match[2] ? Number(match[2]) : undefined;
  const text = match[3] || '';
  const data = text === '' ? undefined : parse(text);
  if (data === BROKEN) return unreadable(`not JSON: ${text.slice(0, 40)}`);
  switch (type) {
    case '0':
      return {
        kind: 'connected',
        namespace,
        sid: isObject(data) && typeof data.sid === 'string' ? data.sid : undefined,
      };
    case '1':
      return { kind: 'disconnected', namespace };
    case '2':
      return event(namespace, id, data);
    case '3':
      if (id === undefined || !Array.isArray(data)) return unreadable('an ack without id or answer');
      return { kind: 'ack', namespace, id, args: data };
    default:
      return refused(namespace, data);
  }
}

/**
 * @param {string} namespace
 * @param {number | undefined} id
 * @param {unknown} data
 * @returns {Packet}
 */
function event(namespace, id, data) {
  if (!Array.isArray(data) || typeof data[0] !== 'string') return unreadable('an event without a name');
  return { kind: 'event', namespace, id, name: data[0], args: data.slice(1) };
}

/**
 * @param {string} namespace
 * @param {unknown} data
 * @returns {Packet}
 */
function refused(namespace, data) {
  if (typeof data === 'string') return { kind: 'refused', namespace, message: data, data: undefined };
  if (!isObject(data)) return unreadable('a refusal without a reason');
  return { kind: 'refused', namespace, message: String(data.message), data: data.data };
}

function prefix(/** @type {string} */ namespace) {
  return namespace === '/' ? '' : `${namespace},`;
}

/** The result of `parse` for text that is not JSON. */
const BROKEN = Symbol('broken');

/** @returns {unknown} */
function parse(/** @type {string} */ text) {
  try {
    return JSON.parse(text);
  } catch {
    return BROKEN;
  }
}

/** @returns {value is Record<string, unknown>} */
function isObject(/** @type {unknown} */ value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
