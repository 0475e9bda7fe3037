import type { Socket } from 'node:net';
import { between, eventually, oneOf, type Random, tokenFor } from '@chat-cluster/testkit';
import { growthMb, watchMemory } from '@chat-cluster/testkit/processes';
import { openRawWebSocket } from '@chat-cluster/testkit/wire';
import type { Draft, Traffic } from '../clients/traffic.ts';
import { gatewaysKeepRunning } from '../expectations.ts';
import type { Fault } from '../fault.ts';

/** Connections that stop reading. */
const SLOW_CONSUMERS = 20;
const MESSAGES = 1_000;
const MESSAGES_AT_ONCE = 50;
/** Characters of a message. Unbounded buffers would hold SLOW_CONSUMERS * MESSAGES of them: 190 MB. */
const MESSAGE_SIZE = 9_500;
/** Largest growth of the gateway, in MB. */
const GROWTH_LIMIT_MB = 120;
/** Time within which the gateway must disconnect all slow consumers, in ms. */
const DISCONNECT_LIMIT_MS = 30_000;

/** Connections of one user to one gateway stop reading while the user receives messages. */
export const slowConsumers: Fault = {
  id: 'F16',
  title: 'clients stop reading',
  clients: 'mixed',
  traffic: { rate: 40 },
  freshCluster: true,
  async inject({ cluster, population, traffic, random }) {
    const gateway = oneOf(random, cluster.gateways);
    const conversation = oneOf(random, population.conversations);
    const [sender, receiver] = conversation.users;
    const sockets = await Promise.all(
      Array.from({ length: SLOW_CONSUMERS }, () => openPausedSocket(gateway.port, tokenFor(cluster, receiver.id))),
    );
    const memory = watchMemory([gateway.pid()]);
    await sendLargeMessages({ sender, conversation }, traffic, random);
    const countDisconnected = () => gateway.metric('chat_slow_consumer_disconnects_total');
    let disconnected: number | undefined;
    return {
      lastsMs: between(random, 0, 1_000),
      async heal() {
        disconnected = await eventually(async () => {
          const count = await countDisconnected();
          if ((count ?? 0) < SLOW_CONSUMERS) throw new Error('some slow consumers are connected');
          return count;
        }, DISCONNECT_LIMIT_MS).catch(countDisconnected);
        await memory.stop();
        for (const socket of sockets) socket.destroy();
      },
      expect: () => [
        ...(growthMb(memory.samples[0]) > GROWTH_LIMIT_MB
          ? [`the gateway grew by ${growthMb(memory.samples[0])} MB, more than ${GROWTH_LIMIT_MB}`]
          : []),
        ...((disconnected ?? 0) < SLOW_CONSUMERS
          ? [`the gateway disconnected ${disconnected} of ${SLOW_CONSUMERS} connections that stopped reading`]
          : []),
      ],
    };
  },
  expect: gatewaysKeepRunning,
};

async function sendLargeMessages(
  { sender, conversation }: Pick<Draft, 'sender' | 'conversation'>,
  traffic: Traffic,
  random: Random,
): Promise<void> {
  for (let sent = 0; sent < MESSAGES; sent += MESSAGES_AT_ONCE) {
    const deliveries = Array.from({ length: MESSAGES_AT_ONCE }, () => {
      const draft = { ...traffic.randomDraft(), sender, conversation };
      const content = draft.clientMessageId.padEnd(MESSAGE_SIZE, 'x');
      return traffic.deliver({ ...draft, content }, oneOf(random, sender.devices));
    });
    await Promise.all(deliveries);
  }
}

/** Opens a websocket, connects to the namespace and stops reading. */
async function openPausedSocket(port: number, token: string): Promise<Socket> {
  const { socket } = await openRawWebSocket(port, token);
  return socket.removeAllListeners('data').pause();
}
