import { setTimeout as delay } from 'node:timers/promises';
import {
  between,
  type ControlledService,
  newUser,
  oneOf,
  type Random,
  seededRandom,
  tokenFor,
} from '@chat-cluster/testkit';
import { acknowledgedAtOnce, answeredWithin, gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault, World } from '../fault.ts';
import { BEFORE_HANDSHAKE, packets, polls, REQUESTS, type Throws } from '../malformed.ts';
import { frame, openRawSocket, openRawWebSocket, type RawSocket, upgrade } from '../raw-socket.ts';

/** Of valid bytes, on each gateway. */
const MUTATIONS = 60;
/** Between one throw and the next at the same gateway: ordinary traffic goes on in between. */
const PAUSE_MS = 15;

/** At every gateway at once; who throws them is not owed anything, everybody else is owed everything. */
export const malformedPackets: Fault = {
  id: 'F18',
  title: 'clients send malformed packets',
  async inject(world) {
    const open: RawSocket[] = [];
    const wrong = await Promise.all(
      world.cluster.gateways.map(async (gateway) => {
        const thrown: string[] = [];
        return throwAll(world, gateway, { open, thrown }).then(
          () => [],
          (error: Error) => [`${gateway.name} let nobody in after "${thrown.at(-1)}": ${error.message}`],
        );
      }),
    );
    return {
      lastsMs: between(world.random, 0, 1_000),
      async heal() {
        for (const { socket } of open) socket.destroy();
      },
      expect: () => wrong.flat(),
    };
  },
  expect: (outcome) => [
    ...gatewaysLiveOn(outcome),
    ...socketsStayConnected(outcome),
    ...answeredWithin(outcome, 3_000),
    ...acknowledgedAtOnce(outcome),
  ],
};

/** Each thing over a connection of its own, which stays open as long as the gateway lets it. Rejects when one cannot be had. */
async function throwAll(
  { cluster, population, seed }: World,
  gateway: ControlledService,
  { open, thrown }: { open: RawSocket[]; thrown: string[] },
) {
  const { port } = gateway;
  const random = seededRandom(`${seed}/${gateway.name}`);
  const token = tokenFor(cluster, newUser('intruder'));
  const conversation = oneOf(random, population.conversations);
  const throwOver = async (connect: () => Promise<RawSocket>, things: Throws) => {
    for (const [name, ...bytes] of things) {
      const raw = await connect();
      open.push(raw);
      thrown.push(name);
      for (const part of bytes) raw.write(part);
      await delay(PAUSE_MS);
    }
  };
  const whole = packets(conversation.id, oneOf(random, conversation.users).id);
  await throwOver(() => openRawSocket(port), REQUESTS);
  await throwOver(() => openRawWebSocket(port), BEFORE_HANDSHAKE);
  await throwOver(() => openRawWebSocket(port, token), whole);
  for (const which of polls('').keys()) {
    const sid = await pollingSession(port);
    await throwOver(() => openRawSocket(port), polls(sid).slice(which, which + 1));
  }
  await throwOver(
    () => openRawWebSocket(port, token),
    mutations(
      random,
      validPackets(conversation.id).map((packet) => frame(packet)),
    ),
  );
  await throwOver(
    () => openRawSocket(port),
    mutations(random, [Buffer.from(upgrade()), Buffer.concat([Buffer.from(upgrade()), frame('40{}')])]),
  );
}

async function pollingSession(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`);
  return (JSON.parse((await response.text()).slice(1)) as { sid: string }).sid;
}

function validPackets(conversationId: string): string[] {
  return [
    `421["send_message",{"conversationId":"${conversationId}","content":"intruder","clientMessageId":"intruder"}]`,
    `422["read_messages",{"conversationId":"${conversationId}"}]`,
    `423["sync",{"conversations":[{"id":"${conversationId}","afterSeq":0}],"limit":10}]`,
    '451-["send_message",{"_placeholder":true,"num":0}]',
    '41',
    '3',
  ];
}

/** One to eight bytes of each are changed, put in or taken out. */
function mutations(random: Random, valid: readonly Buffer[]): Throws {
  return Array.from({ length: MUTATIONS }, (_, i) => {
    const bytes = [...oneOf(random, valid)];
    for (let changes = 1 + Math.floor(random() * 8); changes > 0; changes--) {
      const added = random() < 0.7 ? [Math.floor(random() * 256)] : [];
      bytes.splice(Math.floor(random() * bytes.length), random() < 0.7 ? 1 : 0, ...added);
    }
    return [`mutation ${i}`, Buffer.from(bytes)] as const;
  });
}
