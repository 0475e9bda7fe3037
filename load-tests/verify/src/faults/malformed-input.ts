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
import { openPolling } from '@chat-cluster/testkit/balancers';
import {
  frame,
  type MalformedInputs,
  mutate,
  openRawSocket,
  openRawWebSocket,
  PACKETS_BEFORE_HANDSHAKE,
  packetsAfterHandshake,
  type RawSocket,
  REQUESTS,
  requestsToSession,
  upgrade,
  validPackets,
} from '@chat-cluster/testkit/wire';
import { noVisibleEffect } from '../expectations.ts';
import type { Fault, FaultContext } from '../fault.ts';

/** Mutations of valid bytes that are sent to each gateway. */
const MUTATIONS = 60;
/** Pause between two inputs to the same gateway, in ms. Traffic continues during it. */
const PAUSE_MS = 15;

/** Sends the corpus and random mutations to all gateways at once. It must have no effect on other clients. */
export const malformedInput: Fault = {
  id: 'F18',
  title: 'clients send malformed packets',
  async inject(context) {
    const open: RawSocket[] = [];
    const failures = await Promise.all(
      context.cluster.gateways.map(async (gateway) => {
        const sent: string[] = [];
        return sendAll(context, gateway, { open, sent }).then(
          () => [],
          (error: Error) => [`${gateway.name} accepted no connection after "${sent.at(-1)}": ${error.message}`],
        );
      }),
    );
    return {
      lastsMs: between(context.random, 0, 1_000),
      async heal() {
        for (const { socket } of open) socket.destroy();
      },
      expect: () => failures.flat(),
    };
  },
  expect: noVisibleEffect,
};

/** Sends each input over its own connection, and leaves it open. Rejects when no connection can be opened. */
async function sendAll(
  { cluster, population, seed }: FaultContext,
  gateway: ControlledService,
  { open, sent }: { open: RawSocket[]; sent: string[] },
) {
  const { port } = gateway;
  const random = seededRandom(`${seed}/${gateway.name}`);
  const token = tokenFor(cluster, newUser('intruder'));
  const conversation = oneOf(random, population.conversations);
  const sendOver = async (connect: () => Promise<RawSocket>, inputs: MalformedInputs) => {
    for (const [name, ...bytes] of inputs) {
      const raw = await connect();
      open.push(raw);
      sent.push(name);
      for (const part of bytes) raw.write(part);
      await delay(PAUSE_MS);
    }
  };
  const tcp = () => openRawSocket(port);
  const authenticated = () => openRawWebSocket(port, token);
  const room = oneOf(random, conversation.users).id;
  await sendOver(tcp, REQUESTS);
  await sendOver(() => openRawWebSocket(port), PACKETS_BEFORE_HANDSHAKE);
  await sendOver(authenticated, packetsAfterHandshake(conversation.id, room));
  for (const index of requestsToSession('').keys()) {
    const { sid } = await openPolling(`http://127.0.0.1:${port}`);
    await sendOver(tcp, requestsToSession(sid).slice(index, index + 1));
  }
  const frames = validPackets(conversation.id).map((packet) => frame(packet));
  await sendOver(authenticated, mutations(random, frames));
  const upgrades = [Buffer.from(upgrade()), Buffer.concat([Buffer.from(upgrade()), frame('40{}')])];
  await sendOver(tcp, mutations(random, upgrades));
}

function mutations(random: Random, valid: readonly Buffer[]): MalformedInputs {
  return Array.from({ length: MUTATIONS }, (_, i) => [`mutation ${i}`, mutate(random, oneOf(random, valid))] as const);
}
