/*
 * Input that no client of ours sends. Three kinds: requests on a connection of their own, packets before and after the
 * handshake of Socket.IO, and requests for an open polling session. None of it comes from somebody who may do anything:
 * the token is that of a user without a conversation.
 */
import { frame, OPCODE, upgrade } from './raw-socket.ts';

/** What is thrown, under a name to be found by. */
export type Throws = readonly (readonly [name: string, ...bytes: (string | Buffer)[]])[];

const FIN = 0x80;
/** Above the largest packet, 1.2 MB. */
const TOO_MUCH = 1_300_000;
const DEEP = 10_000;
const FRAGMENTS = 5_000;

const text = (packet: string) => frame(packet);
const binary = (bytes: Buffer = Buffer.from([1, 2, 3])) => frame(bytes, FIN | OPCODE.binary);
const event = (...args: unknown[]) => text(`42${JSON.stringify(args)}`);

/** After the handshake; `conversationId` and `room` are others'. */
export function packets(conversationId: string, room: string): Throws {
  return [
    ['too much text', text(`42["send_message","${'x'.repeat(TOO_MUCH)}"]`)],
    ['too much binary', binary(Buffer.alloc(TOO_MUCH))],
    [
      'a frame that says it has 2^62 bytes',
      Buffer.from([FIN | OPCODE.text, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ],
    ...[
      '',
      '4',
      '42',
      '42{',
      '42[',
      '42[]',
      '42null',
      '42"a"',
      '42[1]',
      '42[null]',
      '42[{}]',
      '42[["a"]]',
      '42["a"',
    ].map((packet) => [`packet ${packet}`, text(packet)] as const),
    ...['42["send_message",{]', '42["send_message",NaN]', '42["a"]]', '42,["a"]', '42/,["a"]', '42/'].map(
      (packet) => [`packet ${packet}`, text(packet)] as const,
    ),
    ...[
      '0',
      '1',
      '2probe',
      '3',
      '5',
      '6',
      '7',
      '9',
      'b',
      'b!!!',
      '40',
      '40{}',
      '44{}',
      '47',
      '4x',
      '\u0000',
      '\uFFFF',
    ].map((packet) => [`packet ${packet}`, text(packet)] as const),
    [
      'more attachments than there may be',
      text('451000-["send_message"]'),
      ...Array.from({ length: 1_000 }, () => binary()),
    ],
    ['attachments that never come', text('453-["send_message",{"_placeholder":true,"num":0}]'), binary()],
    ['attachments without number', text('45-["a"]')],
    ['no attachments', text('450-["a"]'), event('sync', {})],
    ['attachments beyond any number', text('4599999999999999999999-["a"]'), binary()],
    ['another packet instead of its attachment', text('451-["a",{"_placeholder":true,"num":0}]'), event('sync', {})],
    ['an attachment of nothing', binary(), binary(Buffer.alloc(0))],
    ...['"splice"', '"__proto__"', '-1', '1e9', 'null', '{}'].map(
      (num) =>
        [`attachment ${num}`, text(`451-["send_message",{"_placeholder":true,"num":${num}}]`), binary()] as const,
    ),
    ['an ack with attachments', text('461-0[{"_placeholder":true,"num":0}]'), binary()],
    ...['430["a"]', '43["a"]', '43-1["a"]', '4399999999999999999999["a"]', '430', '430{}'].map(
      (packet) => [`ack of what nobody asked: ${packet}`, text(packet)] as const,
    ),
    ['an ack id beyond any number', text('4299999999999999999999["sync",{"conversations":[]}]')],
    ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'error'].map(
      (name) => [`event ${name}`, event(name, 'a'), text(`421["${name}",{}]`)] as const,
    ),
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'x'.repeat(100_000)].map(
      (name) => [`event ${name.slice(0, 20)}`, event(name, {}), text(`421["${name}",{}]`)] as const,
    ),
    [
      'a payload with a prototype',
      text(`42["send_message",{"__proto__":{"conversationId":"${conversationId}"},"content":"a"}]`),
    ],
    ['a payload with a constructor', event('send_message', { constructor: { prototype: { content: 'a' } } })],
    ['a thousand arguments', event('sync', ...Array.from({ length: 1_000 }, (_, i) => i))],
    ['arrays in arrays', text(`42["send_message",${'['.repeat(DEEP)}${']'.repeat(DEEP)}]`)],
    ['objects in objects', text(`42["send_message",${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}]`)],
    ['other namespaces', text('40/other,{}'), text('40/__proto__,{}'), text('42/other,["a"]'), text('41/other,')],
    ['the handshake again', text('40{"token":"a"}'), event('sync', { conversations: [] })],
    [
      'events to conversations of others',
      text(
        `421${JSON.stringify(['send_message', { conversationId, content: 'intruder', clientMessageId: 'intruder' }])}`,
      ),
      event('send_message', { conversationId, content: 'intruder' }),
      event('read_messages', { conversationId }),
      event('sync', { conversations: [{ id: conversationId, afterSeq: 0 }] }),
    ],
    [
      'events to rooms',
      event('join', room),
      event('new_message', { room }),
      event('sync_required', {}),
      event(room, {}),
    ],
    ['leaves, and goes on', text('41'), event('sync', {}), text('41')],
    ['thousands of fragments', ...fragments(FRAGMENTS), frame(']', FIN | OPCODE.continuation)],
    ['fragments without end', ...fragments(FRAGMENTS)],
    ['the rest of nothing', frame('a', FIN | OPCODE.continuation)],
    ['text that is no text', frame(Buffer.from([0x34, 0x32, 0xc3, 0x28, 0xff]))],
    ['unknown opcode', frame('a', FIN | 3)],
    ['reserved bits', frame('42["a"]', FIN | 0x70 | OPCODE.text)],
    ['no mask', Buffer.from([FIN | OPCODE.text, 1, 0x32])],
    ['a ping that is too long', frame('a'.repeat(200), FIN | OPCODE.ping)],
    ['a close without sense', frame(Buffer.from([0, 1]), FIN | OPCODE.close)],
    ['thousands of pings', ...Array.from({ length: FRAGMENTS }, () => frame('', FIN | OPCODE.ping))],
    ['HTTP in a websocket', 'GET / HTTP/1.1\r\n\r\n'],
  ];
}

/** On a websocket that has not said who it is. */
export const BEFORE_HANDSHAKE: Throws = [
  ['an event', event('sync', {})],
  ['an ack', text('430[]')],
  ['attachments', text('451-["a"]'), binary()],
  ...['[1]', '"a"', 'null', '{"token":{"__proto__":1}}', '{"token":[]}', `{"token":"${'x'.repeat(100_000)}"}`, '{'].map(
    (auth) => [`auth ${auth.slice(0, 30)}`, text(`40${auth}`)] as const,
  ),
  ['leaves', text('41')],
  ['silence'],
];

/** On a TCP connection of their own. */
export const REQUESTS: Throws = [
  ...[
    '',
    'EIO=3',
    'EIO=5',
    'EIO=__proto__',
    'EIO=4&EIO=3',
    'EIO=4&transport=__proto__',
    'EIO=4&transport=webtransport',
  ].map((query) => [`GET ${query}`, request('GET', `/socket.io/?${query}`)] as const),
  ...['__proto__', 'constructor', 'toString', '', 'a'.repeat(10_000), '%00', '%'].flatMap((sid) => [
    [
      `polling with the sid ${sid.slice(0, 20)}`,
      request('GET', `/socket.io/?EIO=4&transport=polling&sid=${sid}`),
    ] as const,
    [
      `a post with the sid ${sid.slice(0, 20)}`,
      request('POST', `/socket.io/?EIO=4&transport=polling&sid=${sid}`, '2'),
    ] as const,
    [
      `an upgrade with the sid ${sid.slice(0, 20)}`,
      upgrade(`EIO=4&transport=websocket&sid=${sid}`),
      text('2probe'),
    ] as const,
  ]),
  ['an upgrade without EIO', upgrade('transport=websocket'), text('40{}')],
  ['an upgrade with another EIO', upgrade('EIO=3&transport=websocket'), text('40{}')],
  ['an upgrade to polling', upgrade('EIO=4&transport=polling'), text('40{}')],
  ['an upgrade to nothing', upgrade('', ['Upgrade: h2c']), Buffer.alloc(1_000, 0xff)],
  [
    'an upgrade with extensions',
    upgrade('EIO=4&transport=websocket', ['Sec-WebSocket-Extensions: permessage-deflate; a=";;']),
  ],
  ['an upgrade elsewhere', upgrade().replace('/socket.io/', '/api/'), text('40{}')],
  ['an upgrade and noise', upgrade(), Buffer.alloc(10_000, 0xa5)],
  ['no HTTP', Buffer.alloc(2_000, 0x16), '\r\n\r\n'],
  ['headers without end', 'GET / HTTP/1.1\r\n', `X: ${'a'.repeat(100_000)}`],
  [
    'two lengths',
    'POST /api/conversations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{"a":1}',
  ],
  ['a body that never comes', 'POST /api/conversations HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{'],
  ['deep JSON', request('POST', '/api/conversations', '['.repeat(DEEP))],
  ['a path that is none', request('GET', '/api/messages/with/%E0%A4%A')],
];

/** To an open polling session, of which `sid` is the id. */
export function polls(sid: string): Throws {
  const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  return [
    ['a binary post', request('POST', path, Buffer.alloc(1_000, 0xff), 'application/octet-stream')],
    ['too large a post', request('POST', path, `4${'x'.repeat(TOO_MUCH)}`)],
    ['separators', request('POST', path, '\u001e'.repeat(10_000))],
    ['attachments', request('POST', path, '451-["a",{"_placeholder":true,"num":0}]\u001eb!!!')],
    ['a post that stops', `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n42[`],
    ['another method', request('DELETE', path)],
    ['a poll, and one beside it', request('GET', path), request('GET', path)],
    ['an upgrade with another EIO', upgrade(`EIO=3&transport=websocket&sid=${sid}`), text('2probe'), text('5')],
    ['an upgrade without EIO', upgrade(`transport=websocket&sid=${sid}`), text('2probe'), text('5')],
    ['an upgrade that is not asked for', upgrade(`EIO=4&transport=websocket&sid=${sid}`), text('5'), text('42["a"]')],
    [
      'an upgrade twice',
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
