import { oneOf, type Random } from '@chat-cluster/testkit';
import { type Draft, SID, type Step, TOKEN, write } from '../input.ts';
import { chance, NAMES, NUMBERS, someOf, whole } from './choose.ts';

const METHODS = [
  'GET',
  'GET',
  'POST',
  'OPTIONS',
  'HEAD',
  'PUT',
  'DELETE',
  'CONNECT',
  'TRACE',
  'PRI',
  'get',
  'G\0T',
  '',
];
export const PATHS = [
  '/',
  '/healthz',
  '/readyz',
  '/api/docs',
  '/api/conversations',
  '/api/messages/conversations',
  '/api/messages/with/%E0%A4%A',
  '/socket.io/',
  '/socket.io/?EIO=4&transport=polling',
  `/socket.io/?EIO=4&transport=polling&sid=${SID}`,
  '/socket.io',
  '//socket.io/?EIO=4&transport=websocket',
  '/socket.io/../api/conversations',
  'http://127.0.0.1/socket.io/?EIO=4&transport=polling',
  '*',
  '',
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1 ', 'http/1.1', ''];
const LINE_ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n '];
const HEADERS = [
  'Host: 127.0.0.1',
  'Host: evil.example',
  'Host:',
  `Authorization: Bearer ${TOKEN}`,
  'Authorization: Bearer a.b.c',
  'Origin: null',
  'Origin: https://evil.example',
  'Connection: close',
  'Connection: keep-alive, Upgrade',
  'Connection: Content-Length',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: xchunked',
  'Content-Type: application/json; charset=utf-99',
  'Content-Encoding: gzip',
  'Accept-Encoding: *;q=0',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'X-Forwarded-For: 1.2.3.4, , ::1, a',
  'If-None-Match: "',
  'Cookie: =;=;',
  ': empty',
  'no colon',
  'X\tY: a',
  ' folded: a',
  'X: \u0000',
] as const;

/** Many valid requests at once, behind a poll that waits or not, whose responses the client may not read. */
export function pipelinedRequests(random: Random): Draft {
  const lines = [
    'GET / HTTP/1.1',
    'GET /healthz HTTP/1.1',
    'OPTIONS /socket.io/ HTTP/1.1',
    'GET /socket.io/?sid=a HTTP/1.1',
  ];
  const poll = `GET /socket.io/?EIO=4&transport=polling&sid=${SID} HTTP/1.1`;
  const request = (line: string) => `${line}\r\nHost: x\r\n\r\n`;
  const many = write(request(oneOf(random, lines)), whole(random, 2, 5_000));
  const reads = chance(random, 0.7);
  if (chance(random, 0.5)) return { opens: 'tcp', reads, steps: [many] };
  return { opens: 'polling', reads, steps: [write(request(poll)), many] };
}

/** A request whose head has odd parts, with a body or half of one. */
export function oddHead(random: Random): Draft {
  const lineEnd = oneOf(random, LINE_ENDS);
  const line = `${oneOf(random, METHODS)} ${oneOf(random, PATHS)} ${oneOf(random, VERSIONS)}`;
  const headers: string[] = someOf(random, HEADERS, 8);
  if (chance(random, 0.1)) headers.push(`X: ${'a'.repeat(whole(random, 1, 100_000))}`);
  if (chance(random, 0.1)) headers.push(...Array.from({ length: 2_500 }, (_, i) => `X${i}: a`));
  const head = [line, ...headers, '', ''].join(lineEnd);
  const pipelined = chance(random, 0.1) ? 20 : 1;
  return { opens: 'tcp', steps: inPieces(random, write(head, pipelined)) };
}

/** A request with a declared length that may be wrong, followed by less, as much or more. */
export function declaredLength(random: Random): Draft {
  const body = oneOf(random, ['', '{}', '{"participantId":"a"}', '2', '40', 'x'.repeat(70_000)]);
  const length = chance(random, 0.5) ? String(body.length) : oneOf(random, [...NUMBERS, '1000000000000', '5, 6']);
  const token = chance(random, 0.5) ? `Authorization: Bearer ${TOKEN}\r\n` : '';
  const chunked = chance(random, 0.2);
  const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
  const head = `${oneOf(random, ['POST', 'GET', 'PUT', 'OPTIONS'])} ${oneOf(random, PATHS)} HTTP/1.1\r\nHost: a\r\n`;
  const content = chunked ? `${oneOf(random, ['5', 'fffffffff', 'g', ''])}\r\n${body}\r\n0\r\n\r\n` : body;
  const steps = [write(`${head}${token}Content-Type: application/json\r\n${framing}\r\n\r\n`), write(content)];
  if (chance(random, 0.3)) steps.push({ waitMs: whole(random, 1, 50) }, write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
  return { opens: 'tcp', steps };
}

/** An offer to upgrade a request that is not a websocket of Socket.IO. */
export function upgradeOffer(random: Random): Draft {
  const protocol = oneOf(random, ['h2c', 'websocket', 'WebSocket', 'TLS/1.2, HTTP/2', 'x', '']);
  const more = someOf(
    random,
    ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 99', 'X: a'],
    4,
  );
  const line = `${oneOf(random, ['GET', 'GET', 'POST'])} ${oneOf(random, PATHS)} HTTP/1.1`;
  const length = chance(random, 0.4) ? ['Content-Length: 2'] : [];
  const lines = [line, 'Host: a', 'Connection: Upgrade', `Upgrade: ${protocol}`, ...more, ...length, '', ''];
  return { opens: 'tcp', steps: [write(lines.join('\r\n')), ...(length.length > 0 ? [write('{}')] : [])] };
}

/** A valid request, sent in a few pieces with pauses, cut off somewhere or not at all. */
export function slowRequest(random: Random): Draft {
  const path = oneOf(random, PATHS);
  const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'a'.repeat(50)}\r\n\r\n`);
  const kept = chance(random, 0.5) ? bytes : bytes.subarray(0, whole(random, 0, bytes.length));
  const steps: Step[] = [];
  for (let at = 0; at < kept.length; ) {
    const size = whole(random, 1, 40);
    steps.push(write(kept.subarray(at, at + size)), { waitMs: whole(random, 1, 30) });
    at += size;
  }
  if (chance(random, 0.2)) steps.push({ end: true });
  return { opens: 'tcp', steps };
}

/** Parameters that look like the session id, and request lines split inside them. */
export function sessionIdLookalike(random: Random): Draft {
  const name = oneOf(random, ['sid', 'sessid', 'Sid', 's%69d', 'sid[]', 'asid', 'sid=sid']);
  const value = oneOf(random, [SID, 'abcdefghijklmnopqrst', 'a'.repeat(10_000), ...NAMES]);
  const request = `GET /socket.io/?${name}=${value}&EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nX: sid=${SID}\r\n\r\n`;
  return { opens: oneOf(random, ['tcp', 'polling'] as const), steps: inPieces(random, write(request)) };
}

/** In half of the cases, splits a write at a random byte. */
function inPieces(random: Random, step: { write: Buffer; times: number } | Step): Step[] {
  if (!('write' in step) || step.times > 1 || chance(random, 0.5)) return [step];
  const at = whole(random, 0, step.write.length);
  return [write(step.write.subarray(0, at)), { waitMs: whole(random, 1, 20) }, write(step.write.subarray(at))];
}
