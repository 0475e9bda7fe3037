import { availableParallelism } from 'node:os';
import { openConversation } from '@chat-cluster/testkit';
import { startPods } from '../pods.ts';
import type { ArmOptions, RunningArm } from './arms.ts';
import { planIdle, planPairs } from './pairs.ts';

/** One for each core, up to the four of `npm start`: on two cores two carry 15 % more than four, for their batches are larger. */
const LANES = Math.min(4, availableParallelism());

/** (d) This repository: two gateways and one worker, as `npm start` has them. Acknowledged once stored. */
export async function startOurs({ pairs: count, idle, log }: ArmOptions): Promise<RunningArm> {
  const pods = await startPods({ gateways: 2, workers: 1, lanes: LANES, log });
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
