import { oneOf, type Random } from '@chat-cluster/testkit';
import { frame, OPCODE } from '@chat-cluster/testkit/wire';
import { CONVERSATION_ID, type Draft, OTHER_USER_ID, PARTICIPANT, TOKEN, write } from '../input.ts';
import { bytesOf, chance, NAMES, NUMBERS, whole } from './choose.ts';

const EVENTS = ['send_message', 'read_messages', 'sync', 'watch_presence', 'typing', 'refresh_token', 'disconnect'];
const NAMESPACES = ['', '', '', '/,', '/other,', '/__proto__,', '/a?token=b,', `/${'x'.repeat(1_000)},`, ',', '/'];
const ENGINE_TYPES = ['4', '4', '4', '4', '4', '4', '0', '1', '2', '3', '5', '6', '7', 'b', ''];
const SOCKET_TYPES = ['2', '2', '2', '2', '2', '0', '1', '3', '4', '5', '6', '7', 'x', ''];

/** A packet of Engine.IO by the grammar of Socket.IO, each part of which may be wrong. */
export function packet(random: Random): string {
  const type = oneOf(random, SOCKET_TYPES);
  const attachments = type === '5' || type === '6' || chance(random, 0.05) ? `${oneOf(random, NUMBERS)}-` : '';
  const ack = chance(random, 0.5) ? oneOf(random, NUMBERS) : '';
  return `${oneOf(random, ENGINE_TYPES)}${type}${attachments}${oneOf(random, NAMESPACES)}${ack}${payload(random, type)}`;
}

function payload(random: Random, type: string): string {
  if (chance(random, 0.1)) return oneOf(random, ['', '{', '[', ']', 'null', '[null]', '{}', '[[]]', '"', '[1e999]']);
  if (type === '0') return JSON.stringify(oneOf(random, [{ token: TOKEN }, { token: 'a' }, { token: [] }, null, []]));
  const name: string = chance(random, 0.8) ? oneOf(random, EVENTS) : oneOf(random, NAMES);
  return JSON.stringify([name, ...Array.from({ length: whole(random, 0, 2) }, () => value(random, 3))]);
}

function value(random: Random, depth: number): unknown {
  if (depth === 0 || chance(random, 0.3)) {
    const many = 'y'.repeat(whole(random, 0, 20_000));
    return oneOf<unknown>(random, [CONVERSATION_ID, 0, -1, 1e308, true, null, '', '\0', '\ud800', many]);
  }
  const keys = ['conversationId', 'conversations', 'content', 'clientMessageId', 'attachments', 'afterSeq', 'userIds'];
  const more = ['id', 'token', 'url', 'type', '_placeholder', 'num', '__proto__', 'toJSON'];
  if (chance(random, 0.2)) return Array.from({ length: whole(random, 0, 12) }, () => value(random, depth - 1));
  const entries = Array.from({ length: whole(random, 0, 4) }, () => [
    oneOf(random, [...keys, ...more]),
    value(random, depth - 1),
  ]);
  return Object.fromEntries(entries);
}

/** Packets and attachments on a websocket, with or without a token. */
export function packets(random: Random): Draft {
  const steps = Array.from({ length: whole(random, 1, 20) }, () =>
    chance(random, 0.15)
      ? write(frame(bytesOf(random, whole(random, 0, 64)), 0x80 | OPCODE.binary))
      : write(frame(packet(random))),
  );
  return { opens: oneOf(random, ['authenticated', 'authenticated', 'websocket'] as const), steps };
}

/** Text nested deeply, before or after authentication. */
export function deepJson(random: Random): Draft {
  const depth = oneOf(random, [20_000, 200_000, 590_000]);
  const [open, close] = oneOf(random, [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  const nested = open.repeat(Math.min(depth, Math.floor(1_150_000 / (open.length + 1))));
  const text = oneOf(random, ['40', '42["send_message",']) + nested + close.repeat(whole(random, 0, 3));
  return { opens: oneOf(random, ['websocket', 'authenticated'] as const), steps: [write(frame(text))] };
}

/** Large events of many small values, each of which is expensive to parse. */
export function largeEvents(random: Random): Draft {
  const [before, value] = oneOf(random, [
    ['421["sync"', ',{}'],
    ['421["sync",{"conversations":[0', ',{}'],
    ['421["watch_presence",{"userIds":[0', ',0'],
    ['421["send_message",{"attachments":[0', ',{"url":0}'],
  ] as const);
  const text = `${before}${value.repeat(Math.floor(120_000 / value.length))}${before.endsWith('0') ? ']}]' : ']'}`;
  return { opens: 'authenticated', steps: [write(frame(text), whole(random, 1, 60))] };
}

/** Thousands of packets that are no event of the product. */
export function packetFlood(random: Random): Draft {
  const text = oneOf(random, ['40/x,', '430[]', '3', '6', '2', '41/x,', '42["sync",{"conversations":[]}]', '4']);
  const count = whole(random, 2_000, 20_000);
  return { opens: oneOf(random, ['websocket', 'authenticated'] as const), steps: [write(frame(text), count)] };
}

/** Requests whose answers the client does not read. */
export function unreadOutput(random: Random): Draft {
  const text = oneOf(random, ['40/x,', '421["sync",{"conversations":[]}]', '421["send_message",{}]']);
  const count = whole(random, 1_000, 8_000);
  return { opens: 'authenticated', reads: false, steps: [write(frame(text), count)] };
}

/** Answers as large as they can be, over a websocket or HTTP, which the client does not read. */
export function unreadHistory(random: Random): Draft {
  const count = whole(random, 1, 10);
  if (chance(random, 0.5)) {
    const packet = `421${JSON.stringify(['sync', { conversations: [{ id: CONVERSATION_ID, afterSeq: 0 }], limit: 500 }])}`;
    return { opens: 'authenticated', user: PARTICIPANT, reads: false, steps: [write(frame(packet), count)] };
  }
  const path = `/api/messages/with/${OTHER_USER_ID}?limit=100`;
  const page = `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
  return { opens: 'tcp', user: PARTICIPANT, reads: false, steps: [write(page, count)] };
}
