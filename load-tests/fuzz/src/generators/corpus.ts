import { oneOf, type Random } from '@chat-cluster/testkit';
import {
  frame,
  type MalformedInputs,
  mutate,
  PACKETS_BEFORE_HANDSHAKE,
  packetsAfterHandshake,
  REQUESTS,
  requestsToSession,
  upgrade,
  validPackets,
} from '@chat-cluster/testkit/wire';
import { CONVERSATION_ID, type Draft, type Opens, SID, TOKEN, write } from '../input.ts';
import { chance } from './choose.ts';

const CORPUS: readonly (readonly [Opens, MalformedInputs])[] = [
  ['tcp', REQUESTS.filter(([name]) => name !== 'an upgrade on another path' && name !== 'an upgrade to HTTP/2')],
  ['websocket', PACKETS_BEFORE_HANDSHAKE],
  ['authenticated', packetsAfterHandshake(CONVERSATION_ID, 'a room')],
  ['polling', requestsToSession(SID)],
  ['authenticated-polling', requestsToSession(SID)],
];

/** An entry of the corpus of malformed input, as it is or mutated. Entries above 100 kB are sent as they are. */
export function corpusEntry(random: Random): Draft {
  const [opens, inputs] = oneOf(random, CORPUS);
  const [, ...parts] = oneOf(random, inputs);
  const mutated = chance(random, 0.5);
  const steps = parts.map((part) => {
    const bytes = Buffer.from(part as string);
    return write(mutated && parts.length < 10 && bytes.length < 100_000 ? mutate(random, bytes) : bytes);
  });
  return { opens, steps };
}

/** A valid packet of an authenticated client, or a valid handshake, with some bytes changed. */
export function mutatedPacket(random: Random): Draft {
  if (chance(random, 0.6)) {
    const packets = validPackets(CONVERSATION_ID).map((packet) => frame(packet));
    return { opens: 'authenticated', steps: [write(mutate(random, oneOf(random, packets)))] };
  }
  const connect = frame(`40${JSON.stringify({ token: TOKEN })}`);
  return { opens: 'tcp', steps: [write(mutate(random, Buffer.concat([Buffer.from(upgrade()), connect])))] };
}
