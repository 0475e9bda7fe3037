import { between, type FaultCluster } from '@chat-cluster/testkit';
import { answersSince, type Balancer, reloadHaproxy, startHaproxy } from '@chat-cluster/testkit/balancers';
import { gatewaysKeepRunning, socketsStayConnected } from '../expectations.ts';
import type { Fault, RoundOutcome } from '../fault.ts';

/**
 * Odd rounds kill the load balancer with all its connections. Even rounds reload it: the new process knows sessions
 * only by their cookies, and receives the next poll of each session.
 */
export const balancerRestarted: Fault = {
  id: 'F21',
  title: 'the load balancer is restarted or reloaded',
  clients: 'mixed',
  pollingEvery: 3,
  cluster: { balancer: startHaproxy },
  async inject({ cluster, random, round }) {
    const balancer = balancerOf(cluster);
    const logged = balancer.log().length;
    const reloaded = round % 2 === 0;
    if (reloaded) await reloadHaproxy(balancer);
    else await balancer.kill();
    return {
      lastsMs: reloaded ? 1_000 : between(random, 300, 3_000),
      heal: () => (reloaded ? Promise.resolve() : balancer.start()),
      expect: (outcome) => [
        ...(reloaded ? socketsStayConnected(outcome) : []),
        ...fewMisroutedRequests(outcome, balancer, logged),
      ],
    };
  },
  expect: gatewaysKeepRunning,
};

export function balancerOf({ balancer }: FaultCluster): Balancer {
  if (!balancer) throw new Error('this fault needs a load balancer before the gateways');
  return balancer;
}

/** Each device has at most one request under way that can reach a gateway without its session (status 400). */
function fewMisroutedRequests({ history }: RoundOutcome, balancer: Balancer, logged: number): string[] {
  const misrouted = answersSince(balancer, logged).filter(({ status }) => status === 400).length;
  return misrouted <= history.devices.length
    ? []
    : [`${misrouted} requests reached a gateway that does not hold their session`];
}
