import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { between, eventually, oneOf, tokenFor } from '@chat-cluster/testkit';
import { gatewaysLiveOn } from '../expectations.ts';
import type { Fault } from '../fault.ts';
import { watchMemory } from '../memory.ts';
import { openRawWebSocket } from '../raw-socket.ts';

const DEAF = 20;
const MESSAGES = 1_000;
const AT_ONCE = 50;
/** Characters of a message: DEAF * MESSAGES of them are 190 MB, if nothing bounds what waits for a client. */
const SIZE = 9_500;
const GROWTH_MB = 120;
const CUT_WITHIN_MS = 30_000;

/** Connections of one user that stop reading, on one gateway, while messages flow to that user. */
export const slowConsumers: Fault = {
  id: 'F16',
  title: 'clients stop reading',
  traffic: { rate: 40 },
  fresh: true,
  async inject({ cluster, population, traffic, random }) {
    const gateway = oneOf(random, cluster.gateways);
    const conversation = oneOf(random, population.conversations);
    const [sender, receiver] = conversation.users;
    const deaf = await Promise.all(
      Array.from({ length: DEAF }, () => deafSocket(gateway.port, tokenFor(cluster, receiver.id))),
    );
    const memory = watchMemory(gateway.pid());
    for (let sent = 0; sent < MESSAGES; sent += AT_ONCE) {
      const drafts = Array.from({ length: AT_ONCE }, () => ({ ...traffic.someDraft(), sender, conversation }));
      await Promise.all(
        drafts.map((draft) => {
          const content = draft.clientMessageId.padEnd(SIZE, 'x');
          return traffic.deliver({ ...draft, content }, oneOf(random, sender.devices));
        }),
      );
    }
    let cut: number | undefined;
    return {
      lastsMs: between(random, 0, 1_000),
      async heal() {
        cut = await eventually(async () => {
          const count = await gateway.metric('chat_slow_consumer_disconnects_total');
          if ((count ?? 0) < DEAF) throw new Error('not all are cut');
          return count;
        }, CUT_WITHIN_MS).catch(() => gateway.metric('chat_slow_consumer_disconnects_total'));
        memory.stop();
        for (const socket of deaf) socket.destroy();
        await delay(0);
      },
      expect: () => [
        ...(memory.grewMb > GROWTH_MB ? [`the gateway grew by ${memory.grewMb} MB, more than ${GROWTH_MB}`] : []),
        ...((cut ?? 0) < DEAF ? [`${cut} of ${DEAF} connections that do not read were cut`] : []),
      ],
    };
  },
  expect: gatewaysLiveOn,
};

/** A websocket that is let into the namespace and then never reads again. */
async function deafSocket(port: number, token: string): Promise<Socket> {
  const { socket } = await openRawWebSocket(port, token);
  return socket.removeAllListeners('data').pause();
}
