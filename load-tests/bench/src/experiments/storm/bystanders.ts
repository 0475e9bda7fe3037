import { connectConversations } from '../../traffic/connect-conversations.ts';
import type { ConnectedConversation, Connection, PlannedPair } from '../../traffic/connection.ts';
import { Traffic } from '../../traffic/traffic.ts';

/**
 * Connects pairs of users and starts their traffic by the clock: `perSecond` messages to each other, which are
 * measured, and as many to the crowd, whose clients count them. The second device of each pair of the crowd is that of
 * the bystander who writes to it: they take turns.
 */
export async function startBystanders(pairs: PlannedPair[], crowd: readonly PlannedPair[], perSecond: number) {
  let traffics: Traffic[] = [];
  const plan = { protocol: 'socket.io', devicesPerMessage: 2, acks: true, conversations: pairs } as const;
  const die = (reason: string) => {
    for (const traffic of traffics) traffic.die(reason);
  };
  const connected = await connectConversations(plan, () => traffics[0], die);
  const crowdPairs = crowd.map(({ conversationId, devices: [a, b] }, i): ConnectedConversation => {
    const sender = connected[i % connected.length]?.connections[0] as Connection;
    return { conversationId, users: [a.user, b.user], connections: [sender, sender] };
  });
  const run = { rate: perSecond, seconds: Infinity, size: 10, processes: [] };
  const toEachOther = new Traffic(connected, run, plan, 0);
  const toCrowd = new Traffic(crowdPairs, run, { devicesPerMessage: 0, acks: true }, 1);
  traffics = [toEachOther, toCrowd];
  const outcomes = Promise.all([toEachOther.run(), toCrowd.run()]);
  return {
    /** Ends the traffic. Resolves when every message is settled or lost. */
    async stop() {
      for (const traffic of traffics) traffic.stop();
      const [outcome, { lost, refusedBy, died }] = await outcomes;
      const closed = outcome.died ?? died;
      if (closed !== undefined) throw new Error(`a bystander lost its connection: ${closed}`);
      // All messages without an ack, by the code of the rejection.
      const notAcknowledged: Record<string, number> = lost > 0 ? { NO_ACK: lost } : {};
      for (const [code, count] of [outcome.refusedBy, refusedBy].flatMap(Object.entries<number>)) {
        notAcknowledged[code] = (notAcknowledged[code] ?? 0) + count;
      }
      return { outcome, measured: toEachOther.measured, sentToCrowd: [...toCrowd.acked], notAcknowledged };
    },
    async [Symbol.asyncDispose]() {
      for (const traffic of traffics) traffic.stop();
      for (const connection of connected.flatMap(({ connections }) => connections)) connection.close();
    },
  };
}
