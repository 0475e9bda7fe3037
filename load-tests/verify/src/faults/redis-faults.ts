import { between } from '@chat-cluster/testkit';
import { answeredWithin, gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault, RoundOutcome } from '../fault.ts';

/** What holds for every trouble with Redis: clients hear of it quickly, and nobody is thrown out. */
function calm(outcome: RoundOutcome): string[] {
  return [...answeredWithin(outcome, 3_000), ...gatewaysLiveOn(outcome), ...socketsStayConnected(outcome)];
}

/** The third round is the long one: longer than every deadline of the product. */
export const redisRestarted: Fault = {
  id: 'F4',
  title: 'Redis is killed and comes back',
  async inject({ cluster, random, round }) {
    await cluster.redis.kill();
    return {
      lastsMs: round === 3 ? 15_000 : between(random, 1_000, 6_000),
      heal: () => cluster.redis.start(),
    };
  },
  expect: calm,
};
