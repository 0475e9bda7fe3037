import { oneOf, type Random } from '@chat-cluster/testkit';
import { frame, OPCODE, upgrade } from '@chat-cluster/testkit/wire';
import { type Draft, type Step, write } from '../input.ts';
import { bytesOf, chance, whole } from './choose.ts';

const FIN = 0x80;

/** Frames and fragments, valid and broken, on a websocket. */
export function frames(random: Random): Draft {
  const steps: Step[] = Array.from({ length: whole(random, 1, 10) }, () => write(oddFrame(random)));
  if (chance(random, 0.2)) steps.push({ waitMs: whole(random, 1, 50) }, write(oddFrame(random)));
  if (chance(random, 0.1)) steps.push({ end: true });
  return { opens: oneOf(random, ['websocket', 'authenticated'] as const), steps };
}

function oddFrame(random: Random): Buffer {
  const opcode = chance(random, 0.8) ? oneOf(random, Object.values(OPCODE)) : whole(random, 0, 15);
  const first = opcode | (chance(random, 0.7) ? 0x80 : 0) | (chance(random, 0.1) ? oneOf(random, [16, 32, 64]) : 0);
  const text = oneOf(random, ['', '2', '42["sync",{}]', '4', 'a'.repeat(125), 'a'.repeat(126), 'a'.repeat(70_000)]);
  const payload = chance(random, 0.2) ? bytesOf(random, whole(random, 0, 200)) : Buffer.from(text);
  const bytes = frame(payload, first);
  if (chance(random, 0.1)) bytes[1] = (bytes[1] ?? 0) & 0x7f; // without the mask bit
  if (chance(random, 0.1)) return Buffer.concat([Buffer.from([first, 0xff]), oneOf(random, LENGTHS), payload]);
  return chance(random, 0.15) ? bytes.subarray(0, whole(random, 0, bytes.length)) : bytes;
}

/** Lengths of 8 bytes, each followed by the start of a payload that never comes. */
const LENGTHS = ['0000000000000001', '000000007fffffff', '0020000000000000', 'ffffffffffffffff'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

/** A message in thousands of fragments, empty or of one byte, with or without an end, and pings between them. */
export function manyFragments(random: Random): Draft {
  const fragment = frame(oneOf(random, ['', 'x']), OPCODE.continuation);
  const between = chance(random, 0.2) ? frame('', FIN | OPCODE.ping) : Buffer.alloc(0);
  const steps = [
    write(frame('4', OPCODE.text)),
    write(Buffer.concat([fragment, between]), oneOf(random, [100, 1_000, 16_000, 100_000])),
    ...(chance(random, 0.3) ? [write(frame('', FIN | OPCODE.continuation))] : []),
  ];
  return { opens: oneOf(random, ['websocket', 'authenticated'] as const), steps };
}

/** An upgrade that declares the length of a body, then packets whose answers the client does not read. */
export function upgradeWithLength(random: Random): Draft {
  const head = upgrade('EIO=4&transport=websocket', [oneOf(random, ['Content-Length: 0', 'Content-Length: 5'])]);
  const packet = frame(oneOf(random, ['40/x,', '2', '40']));
  return {
    opens: 'tcp',
    reads: chance(random, 0.3),
    steps: [write(head), { waitMs: 50 }, write(packet, oneOf(random, [10, 200_000]))],
  };
}
