import { setTimeout as delay } from 'node:timers/promises';
import { between, type ControlledService, oneOf } from '@chat-cluster/testkit';
import { lanesAckWithin } from '../expectations.ts';
import type { ActiveFault, Fault } from '../fault.ts';
import { waitUntil } from '../wait-until.ts';

export const gatewayKilled: Fault = {
  id: 'F1',
  title: 'a gateway is killed',
  clients: 'mixed',
  async inject({ cluster, random }) {
    oneOf(random, cluster.gateways).kill();
    return undefined;
  },
};

/** Time within which another worker must serve the lanes of a killed one, in ms. */
const TAKEOVER_LIMIT_MS = 8_000;

/** Up to three kills within a second, so that some hit a worker within a transaction. */
export const workerKilled: Fault = {
  id: 'F2',
  title: 'workers are killed',
  async inject({ cluster, random }) {
    for (let kills = 1 + Math.floor(random() * 3); kills > 0; kills--) {
      oneOf(random, cluster.workers).kill();
      if (kills > 1) await delay(between(random, 0, 400));
    }
    return undefined;
  },
  expect: (outcome, { cluster }) => lanesAckWithin(outcome, cluster.lanes, TAKEOVER_LIMIT_MS),
};

/** The pause outlasts its leases: when the worker resumes within a batch, another worker has stored that batch. */
export const workerPaused: Fault = {
  id: 'F14',
  title: 'a worker is paused for longer than its leases last',
  inject: async ({ cluster, random }) => pause(oneOf(random, cluster.workers), between(random, 4_000, 8_000)),
};

/** Round 3 has a long pause: shorter than a ping time-out, longer than every deadline of the product. */
export const processPaused: Fault = {
  id: 'F24',
  title: 'a gateway or worker is paused for 5 to 20 s',
  clients: 'mixed',
  inject: async ({ cluster, random, round }) => {
    const target = oneOf(random, round % 2 === 0 ? cluster.workers : cluster.gateways);
    return pause(target, round === 3 ? 20_000 : between(random, 5_000, 10_000));
  },
};

function pause(service: ControlledService, lastsMs: number): ActiveFault {
  service.pause();
  return { lastsMs, heal: async () => service.resume() };
}

/** As a paused worker, but it keeps running: it cannot reach Redis for longer than its leases last. */
export const workerCutOff: Fault = {
  id: 'F12',
  title: 'a worker cannot reach Redis',
  async inject({ cluster, random }) {
    const { redis } = oneOf(random, cluster.workers);
    redis.set({ kind: 'blackhole' });
    return { lastsMs: between(random, 5_000, 9_000), heal: async () => redis.set({ kind: 'pass' }) };
  },
};

/** Time until all services must be ready once Redis and Postgres accept, in ms. */
const READY_LIMIT_MS = 10_000;

/** All processes end. Services start while Redis and Postgres are down, which then start in random order. */
export const startedInAnyOrder: Fault = {
  id: 'F23',
  title: 'all processes start in random order',
  async inject({ cluster, random }) {
    const services = [...cluster.gateways, ...cluster.workers];
    await Promise.all([cluster.redis.kill(), cluster.postgres.kill('SIGQUIT')]);
    for (const service of services) service.kill();
    const servers = random() < 0.5 ? [cluster.redis, cluster.postgres] : [cluster.postgres, cluster.redis];
    let readyMs = 0;
    return {
      lastsMs: between(random, 1_000, 4_000),
      async heal() {
        await servers[0]?.start();
        await delay(between(random, 0, 2_000));
        await servers[1]?.start();
        readyMs = await waitUntil(async () => {
          const ready = await Promise.all(services.map((service) => service.isReady()));
          return ready.every(Boolean);
        }, READY_LIMIT_MS);
      },
      expect: () =>
        readyMs <= READY_LIMIT_MS
          ? []
          : [`some services were not ready ${READY_LIMIT_MS} ms after Redis and Postgres started`],
    };
  },
};
