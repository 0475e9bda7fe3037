import { oneOf, type Random } from '@chat-cluster/testkit';
import { frame, upgrade } from '@chat-cluster/testkit/wire';
import { type Draft, SID, TOKEN, write } from '../input.ts';
import { bytesOf, chance, NAMES, NUMBERS, someOf, whole } from './choose.ts';
import { packet } from './socket-io.ts';

const POLLING = `/socket.io/?EIO=4&transport=polling&sid=${SID}`;

/** A handshake with an odd query. */
export function handshakeQuery(random: Random): Draft {
  const values: string[] = ['4', '3', 'polling', 'websocket', 'webtransport', ...NAMES, ...NUMBERS];
  const names = ['EIO', 'EIO', 'transport', 'transport', 'sid', 'token', 't', 'b64', 'j', '__proto__', 'EIO[]', ''];
  const parts = Array.from({ length: whole(random, 0, 6) }, () => `${oneOf(random, names)}=${oneOf(random, values)}`);
  const valid = oneOf(random, ['EIO=4&transport=polling', 'EIO=4&transport=websocket', '']);
  const query = [valid, ...parts].filter(Boolean).join('&').replaceAll(/[\0 ]/g, '%00');
  if (chance(random, 0.5)) return { opens: 'tcp', steps: [write(upgrade(query)), write(frame(packet(random)))] };
  return { opens: 'tcp', steps: [write(get(`/socket.io/?${query}`))] };
}

/** A payload of several packets to a polling session, some of them broken. */
export function pollingBody(random: Random): Draft {
  const separators = ['\x1e', '\x1e', '\x1e', '\x1e\x1e', '', '\x1f'];
  const packets = Array.from({ length: whole(random, 0, 12) }, () => packet(random) + oneOf(random, separators));
  const body = chance(random, 0.1) ? bytesOf(random, whole(random, 0, 500)) : packets.join('');
  const type = oneOf(random, ['text/plain;charset=UTF-8', 'application/octet-stream', 'application/json', '']);
  const requests = [write(post(POLLING, body, type)), write(get(POLLING))];
  if (chance(random, 0.2)) requests.reverse();
  if (chance(random, 0.1)) requests.push(write(get(POLLING)));
  return { opens: oneOf(random, ['polling', 'authenticated-polling'] as const), steps: requests };
}

/** Steps of an upgrade from polling to a websocket, in any order, and cut off anywhere. */
export function halfUpgrade(random: Random): Draft {
  const offer = write(upgrade(`EIO=${oneOf(random, ['4', '4', '4', '3'])}&transport=websocket&sid=${SID}`));
  const frames = ['2probe', '2probe', '5', '5', '2', '3probe', '6', '1', '42["sync",{}]', '40'].map((text) =>
    write(frame(text)),
  );
  const steps = [offer, ...someOf(random, frames, 6), ...(chance(random, 0.2) ? [offer] : [])];
  if (chance(random, 0.3)) steps.splice(1, 0, { waitMs: whole(random, 1, 100) });
  if (chance(random, 0.2)) steps.push({ end: true });
  return { opens: oneOf(random, ['polling', 'authenticated-polling'] as const), steps };
}

/** Sessions without a token, opened and left: over polling they wait for their time limit. */
export function abandonedHandshake(random: Random): Draft {
  const path = '/socket.io/?EIO=4&transport=polling';
  return { opens: 'tcp', steps: [write(get(path), chance(random, 0.5) ? 1 : whole(random, 2, 10))] };
}

/** CONNECT packets of one read. */
export function manyConnects(random: Random): Draft {
  const connect = `40${JSON.stringify({ token: TOKEN })}`;
  const count = oneOf(random, [2, 3, 50, 1_000]);
  if (chance(random, 0.5)) return { opens: 'websocket', steps: [write(frame(connect), count)] };
  const body = Array<string>(count).fill(connect).join('\x1e');
  return { opens: 'polling', steps: [write(post(POLLING, body, 'text/plain')), write(get(POLLING))] };
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
}

function post(path: string, body: string | Buffer, type: string): Buffer {
  const content = Buffer.from(body as string);
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${content.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), content]);
}
