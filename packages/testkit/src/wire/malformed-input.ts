/*
 * The corpus of malformed input: requests on TCP connections, packets before and after the handshake of Socket.IO,
 * and requests to an open polling session. Its only token belongs to a user without a conversation, so none of it may
 * have an effect. Longer than other files because it is a list.
 */
import { frame, OPCODE, upgrade } from './raw-socket.ts';

/** Malformed inputs: the name that a report shows, and the bytes to write one after the other. */
export type MalformedInputs = readonly (readonly [name: string, ...bytes: (string | Buffer)[]])[];

const FIN = 0x80;
/** Size above that of the largest accepted packet (128 kB), in bytes. */
const TOO_LARGE = 1_300_000;
/** Levels of nesting. */
const DEPTH = 10_000;
const FRAGMENTS = 5_000;

const text = (packet: string) => frame(packet);
const binary = (bytes: Buffer = Buffer.from([1, 2, 3])) => frame(bytes, FIN | OPCODE.binary);
const event = (...args: unknown[]) => text(`42${JSON.stringify(args)}`);

/** Packets after the handshake. `conversationId` and `room` belong to other users. */
export function packetsAfterHandshake(conversationId: string, room: string): MalformedInputs {
  return [
    ...BROKEN_PACKETS,
    ...ATTACHMENTS,
    ...ACKS,
    ...EVENTS,
    [
      'a payload with a prototype',
      text(`42["send_message",{"__proto__":{"conversationId":"${conversationId}"},"content":"a"}]`),
    ],
    [
      'events for a conversation of other users',
      text(
        `421${JSON.stringify(['send_message', { conversationId, content: 'intruder', clientMessageId: 'intruder' }])}`,
      ),
      event('send_message', { conversationId, content: 'intruder' }),
      event('read_messages', { conversationId }),
      event('sync', { conversations: [{ id: conversationId, afterSeq: 0 }] }),
    ],
    [
      'events for a room of another user',
      event('join', room),
      event('new_message', { room }),
      event('sync_required', {}),
      event(room, {}),
    ],
    ...FRAMES,
  ];
}

const BROKEN_PACKETS: MalformedInputs = [
  ['a text that is too large', text(`42["send_message","${'x'.repeat(TOO_LARGE)}"]`)],
  ['a binary that is too large', binary(Buffer.alloc(TOO_LARGE))],
  ...['', '4', '42', '42{', '42[', '42[]', '42null', '42"a"', '42[1]', '42[null]', '42[{}]', '42[["a"]]', '42["a"'].map(
    (packet) => [`packet ${packet}`, text(packet)] as const,
  ),
  ...['42["send_message",{]', '42["send_message",NaN]', '42["a"]]', '42,["a"]', '42/,["a"]', '42/'].map(
    (packet) => [`packet ${packet}`, text(packet)] as const,
  ),
  ...[...'0135679b'].map((packet) => [`packet ${packet}`, text(packet)] as const),
  ...['2probe', 'b!!!', '40', '40{}', '44{}', '47', '4x', '\u0000', '\uFFFF'].map(
    (packet) => [`packet ${packet}`, text(packet)] as const,
  ),
  [
    'connects to other namespaces',
    text('40/other,{}'),
    text('40/__proto__,{}'),
    text('42/other,["a"]'),
    text('41/other,'),
  ],
  ['a second handshake', text('40{"token":"a"}'), event('sync', { conversations: [] })],
  ['events after a disconnect', text('41'), event('sync', {}), text('41')],
];

const ATTACHMENTS: MalformedInputs = [
  ['too many attachments', text('451000-["send_message"]'), ...Array.from({ length: 1_000 }, () => binary())],
  ['missing attachments', text('453-["send_message",{"_placeholder":true,"num":0}]'), binary()],
  ['attachments without a number', text('45-["a"]')],
  ['zero attachments', text('450-["a"]'), event('sync', {})],
  ['a number of attachments beyond 2^53', text('4599999999999999999999-["a"]'), binary()],
  ['a packet in place of an attachment', text('451-["a",{"_placeholder":true,"num":0}]'), event('sync', {})],
  ['an attachment without a packet', binary(), binary(Buffer.alloc(0))],
  ...['"splice"', '"__proto__"', '-1', '1e9', 'null', '{}'].map(
    (num) => [`attachment ${num}`, text(`451-["send_message",{"_placeholder":true,"num":${num}}]`), binary()] as const,
  ),
  ['an ack with attachments', text('461-0[{"_placeholder":true,"num":0}]'), binary()],
];

const ACKS: MalformedInputs = [
  ...['430["a"]', '43["a"]', '43-1["a"]', '4399999999999999999999["a"]', '430', '430{}'].map(
    (packet) => [`an ack without a request: ${packet}`, text(packet)] as const,
  ),
  ['an ack id beyond 2^53', text('4299999999999999999999["sync",{"conversations":[]}]')],
];

const EVENTS: MalformedInputs = [
  ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'error'].map(
    (name) => [`event ${name}`, event(name, 'a'), text(`421["${name}",{}]`)] as const,
  ),
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'x'.repeat(100_000)].map(
    (name) => [`event ${name.slice(0, 20)}`, event(name, {}), text(`421["${name}",{}]`)] as const,
  ),
  ['a payload with a constructor', event('send_message', { constructor: { prototype: { content: 'a' } } })],
  ['1,000 arguments', event('sync', ...Array.from({ length: 1_000 }, (_, i) => i))],
  ['deeply nested arrays', text(`42["send_message",${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}]`)],
  ['deeply nested objects', text(`42["send_message",${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}]`)],
];

const FRAMES: MalformedInputs = [
  [
    'a frame with a length of 2^62 bytes',
    Buffer.from([FIN | OPCODE.text, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  ],
  ['thousands of fragments', ...fragments(FRAGMENTS), frame(']', FIN | OPCODE.continuation)],
  ['fragments without an end', ...fragments(FRAGMENTS)],
  ['a continuation without a start', frame('a', FIN | OPCODE.continuation)],
  ['text that is not UTF-8', frame(Buffer.from([0x34, 0x32, 0xc3, 0x28, 0xff]))],
  ['an unknown opcode', frame('a', FIN | 3)],
  ['reserved bits', frame('42["a"]', FIN | 0x70 | OPCODE.text)],
  ['a frame without a mask', Buffer.from([FIN | OPCODE.text, 1, 0x32])],
  ['a ping that is too long', frame('a'.repeat(200), FIN | OPCODE.ping)],
  ['a close frame with an invalid code', frame(Buffer.from([0, 1]), FIN | OPCODE.close)],
  ['thousands of pings', ...Array.from({ length: FRAGMENTS }, () => frame('', FIN | OPCODE.ping))],
  ['HTTP in a websocket', 'GET / HTTP/1.1\r\n\r\n'],
];

/** Packets on a websocket that has not authenticated. */
export const PACKETS_BEFORE_HANDSHAKE: MalformedInputs = [
  ['an event', event('sync', {})],
  ['an ack', text('430[]')],
  ['attachments', text('451-["a"]'), binary()],
  ...['[1]', '"a"', 'null', '{"token":{"__proto__":1}}', '{"token":[]}', `{"token":"${'x'.repeat(100_000)}"}`, '{'].map(
    (auth) => [`auth ${auth.slice(0, 30)}`, text(`40${auth}`)] as const,
  ),
  ['a disconnect', text('41')],
  ['silence'],
];

const BAD_QUERIES = [
  '',
  'EIO=3',
  'EIO=5',
  'EIO=__proto__',
  'EIO=4&EIO=3',
  'EIO=4&transport=__proto__',
  'EIO=4&transport=webtransport',
];
const BAD_SIDS = ['__proto__', 'constructor', 'toString', '', 'a'.repeat(10_000), '%00', '%'];

/** Requests, each on its own TCP connection. */
export const REQUESTS: MalformedInputs = [
  ...BAD_QUERIES.map((query) => [`GET ${query}`, request('GET', `/socket.io/?${query}`)] as const),
  ...BAD_SIDS.flatMap((sid) => {
    const name = sid.slice(0, 20);
    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
    return [
      [`a poll with the sid ${name}`, request('GET', path)] as const,
      [`a post with the sid ${name}`, request('POST', path, '2')] as const,
      [`an upgrade with the sid ${name}`, upgrade(`EIO=4&transport=websocket&sid=${sid}`), text('2probe')] as const,
    ];
  }),
  ['an upgrade without EIO', upgrade('transport=websocket'), text('40{}')],
  ['an upgrade with another EIO', upgrade('EIO=3&transport=websocket'), text('40{}')],
  ['an upgrade to polling', upgrade('EIO=4&transport=polling'), text('40{}')],
  ['an upgrade to HTTP/2', upgrade('', ['Upgrade: h2c']), Buffer.alloc(1_000, 0xff)],
  [
    'an upgrade with invalid extensions',
    upgrade('EIO=4&transport=websocket', ['Sec-WebSocket-Extensions: permessage-deflate; a=";;']),
  ],
  ['an upgrade on another path', upgrade().replace('/socket.io/', '/api/'), text('40{}')],
  ['an upgrade followed by noise', upgrade(), Buffer.alloc(10_000, 0xa5)],
  ['bytes that are not HTTP', Buffer.alloc(2_000, 0x16), '\r\n\r\n'],
  ['headers without an end', 'GET / HTTP/1.1\r\n', `X: ${'a'.repeat(100_000)}`],
  [
    'two content lengths',
    'POST /api/conversations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{"a":1}',
  ],
  ['a body that never arrives', 'POST /api/conversations HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{'],
  ['deeply nested JSON', request('POST', '/api/conversations', '['.repeat(DEPTH))],
  ['an invalid path', request('GET', '/api/messages/with/%E0%A4%A')],
];

/** Requests to the open polling session `sid`. */
export function requestsToSession(sid: string): MalformedInputs {
  const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  return [
    ['a binary post', request('POST', path, Buffer.alloc(1_000, 0xff), 'application/octet-stream')],
    ['a post that is too large', request('POST', path, `4${'x'.repeat(TOO_LARGE)}`)],
    ['separators', request('POST', path, '\u001e'.repeat(10_000))],
    ['attachments', request('POST', path, '451-["a",{"_placeholder":true,"num":0}]\u001eb!!!')],
    ['an incomplete post', `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n42[`],
    ['another method', request('DELETE', path)],
    ['two polls at once', request('GET', path), request('GET', path)],
    ['an upgrade with another EIO', upgrade(`EIO=3&transport=websocket&sid=${sid}`), text('2probe'), text('5')],
    ['an upgrade without EIO', upgrade(`transport=websocket&sid=${sid}`), text('2probe'), text('5')],
    ['an upgrade without a probe', upgrade(`EIO=4&transport=websocket&sid=${sid}`), text('5'), text('42["a"]')],
    [
      'two upgrades',
      upgrade(`EIO=4&transport=websocket&sid=${sid}`),
      text('2probe'),
      upgrade(`EIO=4&transport=websocket&sid=${sid}`),
    ],
  ];
}

function request(method: string, path: string, body: string | Buffer = '', type = 'application/json'): Buffer {
  const content = Buffer.from(body as string);
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${content.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), content]);
}

function fragments(count: number): Buffer[] {
  return [frame('42["', OPCODE.text), ...Array.from({ length: count }, () => frame('a', OPCODE.continuation))];
}

/** Valid packets of an authenticated client, for mutations. */
export function validPackets(conversationId: string): string[] {
  return [
    `421["send_message",{"conversationId":"${conversationId}","content":"intruder","clientMessageId":"intruder"}]`,
    `422["read_messages",{"conversationId":"${conversationId}"}]`,
    `423["sync",{"conversations":[{"id":"${conversationId}","afterSeq":0}],"limit":10}]`,
    '451-["send_message",{"_placeholder":true,"num":0}]',
    '41',
    '3',
  ];
}
