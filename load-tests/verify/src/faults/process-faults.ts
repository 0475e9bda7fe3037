import { setTimeout as delay } from 'node:timers/promises';
import { between, type ControlledService, oneOf } from '@chat-cluster/testkit';
import { lanesAnswerWithin } from '../expectations.ts';
import type { Fault, World } from '../fault.ts';

export const gatewayKilled: Fault = {
  id: 'F1',
  title: 'a gateway is killed',
  async inject({ cluster, random }) {
    oneOf(random, cluster.gateways).kill();
    return undefined;
  },
};

/** Up to three kills within a second, so that some hit a worker in the middle of a transaction. */
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
  expect: (outcome, { cluster }) => lanesAnswerWithin(outcome, cluster.lanes, 8_000),
};

/** Long enough that the locks of its jobs expire: another worker has done them when it wakes up in the middle of them. */
export const workerPaused: Fault = {
  id: 'F14',
  title: 'a worker is paused for longer than its locks',
  inject: async (world) => pause(oneOf(world.random, world.cluster.workers), between(world.random, 4_000, 8_000)),
};

/** The third round is a long one, past the ping time-out of nobody but past every deadline of the product. */
export const processPaused: Fault = {
  id: 'F24',
  title: 'a gateway or worker is paused for 5 to 20 s',
  inject: async ({ cluster, random, round }) => {
    const victim = oneOf(random, round % 2 === 0 ? cluster.workers : cluster.gateways);
    return pause(victim, round === 3 ? 20_000 : between(random, 5_000, 10_000));
  },
};

async function pause(service: ControlledService, lastsMs: number) {
  service.pause();
  return {
    lastsMs,
    async heal() {
      service.resume();
    },
  };
}

/** A paused worker's other face: it runs, and Redis is out of its reach for longer than its locks. */
export const workerCutOff: Fault = {
  id: 'F12',
  title: 'Redis is out of the reach of a worker',
  async inject({ cluster, random }) {
    const { redis } = oneOf(random, cluster.workers);
    redis.set({ kind: 'blackhole' });
    return {
      lastsMs: between(random, 5_000, 9_000),
      async heal() {
        redis.set({ kind: 'pass' });
      },
    };
  },
};

const READY_WITHIN_MS = 10_000;

/** Everything ends; gateways and workers start while Redis and Postgres do not accept, which come in any order. */
export const startedInAnyOrder: Fault = {
  id: 'F23',
  title: 'everything starts in any order',
  async inject(world) {
    const { cluster, random } = world;
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
        readyMs = await untilReady(services);
      },
      expect: () =>
        readyMs <= READY_WITHIN_MS ? [] : [`not all were ready within ${READY_WITHIN_MS} ms after the servers came`],
    };
  },
};

/** Resolves with the milliseconds it took, or when it has taken too long. */
async function untilReady(services: World['cluster']['gateways']): Promise<number> {
  const started = performance.now();
  for (;;) {
    const ready = await Promise.all(services.map((service) => service.isReady()));
    const took = performance.now() - started;
    if (ready.every(Boolean) || took > READY_WITHIN_MS) return took;
    await delay(50);
  }
}
