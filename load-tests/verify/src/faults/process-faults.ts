import { setTimeout as delay } from 'node:timers/promises';
import { between, oneOf } from '@chat-cluster/testkit';
import { lanesAnswerWithin } from '../expectations.ts';
import type { Fault } from '../fault.ts';

export const gatewayKilled: Fault = {
  id: 'F1',
  title: 'a gateway is killed',
  async inject({ cluster, random }) {
    oneOf(random, cluster.gateways).kill();
  },
};

/** Several kills, so that some hit a worker in the middle of a transaction. */
export const workerKilled: Fault = {
  id: 'F2',
  title: 'workers are killed',
  async inject({ cluster, random }) {
    for (let kills = 1 + Math.floor(random() * 3); kills > 0; kills--) {
      oneOf(random, cluster.workers).kill();
      await delay(between(random, 0, 400));
    }
  },
  expect: (outcome, { cluster }) => lanesAnswerWithin(outcome, cluster.lanes, 7_000),
};
