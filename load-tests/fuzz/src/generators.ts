import { oneOf, type Random, seededRandom } from '@chat-cluster/testkit';
import { whole } from './generators/choose.ts';
import { corpusEntry, mutatedPacket } from './generators/corpus.ts';
import { abandonedHandshake, halfUpgrade, handshakeQuery, manyConnects, pollingBody } from './generators/engine-io.ts';
import {
  declaredLength,
  oddHead,
  pipelinedRequests,
  sessionIdLookalike,
  slowRequest,
  upgradeOffer,
} from './generators/http.ts';
import { deepJson, largeEvents, packetFlood, packets, unreadHistory, unreadOutput } from './generators/socket-io.ts';
import { frames, manyFragments, upgradeWithLength } from './generators/websocket.ts';
import type { Draft, Input } from './input.ts';

/** Users whose tokens the inputs carry. */
export const USERS = 8;

export const GENERATORS: Readonly<Record<string, (random: Random) => Draft>> = {
  oddHead,
  declaredLength,
  upgradeOffer,
  slowRequest,
  sessionIdLookalike,
  pipelinedRequests,
  handshakeQuery,
  pollingBody,
  halfUpgrade,
  abandonedHandshake,
  manyConnects,
  packets,
  deepJson,
  largeEvents,
  packetFlood,
  unreadOutput,
  unreadHistory,
  frames,
  manyFragments,
  upgradeWithLength,
  corpusEntry,
  mutatedPacket,
};

/** The inputs of a seed: first one of each generator, then of random ones, without end. */
export function* inputsOf(seed: string, names: readonly string[]): Generator<Input> {
  for (let i = 0; ; i++) {
    const id = `${seed}/${i}`;
    const random = seededRandom(id);
    const generator = names[i] ?? oneOf(random, names);
    const make = GENERATORS[generator];
    if (!make) throw new Error(`there is no generator ${generator}`);
    const address = `127.${whole(random, 1, 250)}.${whole(random, 0, 250)}.${whole(random, 1, 250)}`;
    const user = whole(random, 0, USERS - 1);
    yield { id, generator, user, address, reads: true, ...make(random) };
  }
}
