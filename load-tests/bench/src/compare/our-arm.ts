import { openConversation } from '@chat-cluster/testkit';
import { startPods } from '../pods.ts';
import type { ArmOptions, RunningArm } from './arms.ts';
import { planIdle, planPairs } from './pairs.ts';

/** (d) This repository: two gateways and one worker, and four lanes, as `npm start` has them. Acknowledged once stored. */
export async function startOurs({ pairs: count, idle, log }: ArmOptions): Promise<RunningArm> {
  const pods = await startPods({ gateways: 2, workers: 1, lanes: 4, log });
  try {
    const pairs = planPairs(count, pods.gateways, pods.jwtSecret);
    for (const pair of pairs) {
      const [a, b] = pair.devices;
      pair.conversationId = await openConversation({ url: a.url, jwtSecret: pods.jwtSecret }, a.user, b.user);
    }
    return {
      protocol: 'socket.io',
      devicesPerMessage: 2,
      acks: true,
      pairs,
      idle: planIdle(idle, pods.gateways, pods.jwtSecret),
      databaseUrl: pods.databaseUrl,
      processes: pods.processes(),
      tidy: async () => {},
      [Symbol.asyncDispose]: () => pods[Symbol.asyncDispose](),
    };
  } catch (error) {
    await pods[Symbol.asyncDispose]();
    throw error;
  }
}
