import { setTimeout as delay } from 'node:timers/promises';
import { between, type FaultCluster, oneOf, type Random } from '@chat-cluster/testkit';
import { gatewaysLiveOn, worksAsBefore } from '../expectations.ts';
import type { Fault, RoundOutcome } from '../fault.ts';
import { type PoolWatch, watchPools } from '../pool-watch.ts';
import type { Population } from '../population.ts';

const POOL_SIZE = 5;
/** The devices' own back-off is up to 3 s; the rest is what the gateways may take. */
const BACK_WITHIN_MS = 10_000;
/** Thousands have longer, since they and the entry share this process: 2,667 needed 8 to 25 s on 2 cores. */
const BACK_PER_DEVICE_MS = 15;
/** Who is not back by then, in times of what is allowed, is left to the deadline of the round. */
const WAITED = 2;

/**
 * The entry dies with everybody on it and comes back. Every other time nobody is told until then (a machine is gone, no
 * goodbye), so that all come back at once; and it may die again while they do.
 */
export const reconnectStorm: Fault = {
  id: 'F20',
  title: 'the entry dies, everybody comes back',
  pairs: 150,
  secondDeviceEvery: 3,
  cluster: { env: { PG_POOL_SIZE: String(POOL_SIZE) } },
  async inject({ cluster, population, random, round }) {
    const pools = await watchPools(cluster);
    const dead = round % 2 === 0 ? 'half-open' : 'reset';
    for (let deaths = Math.floor(random() * 3); deaths > 0; deaths--) await flap(cluster, random);
    cluster.entry.set({ kind: dead });
    const allowedMs = Math.max(BACK_WITHIN_MS, population.devices.length * BACK_PER_DEVICE_MS);
    let backMs = Number.NaN;
    return {
      lastsMs: between(random, 1_000, 4_000),
      /** The storm is over when everybody is back: what comes after it is compared with what was before. */
      async heal() {
        cluster.entry.set({ kind: 'pass' });
        backMs = await untilBack(population, allowedMs * WAITED);
        await pools.stop();
      },
      figures: () =>
        `${population.devices.length} devices were back and in sync after ${Math.round(backMs)} ms; ` +
        `at most ${Math.max(...pools.peaks.values())} Postgres connections of one process`,
      expect: (outcome) => [...isBack(backMs, allowedMs, outcome), ...poolsHeld(pools)],
    };
  },
  expect: (outcome) => [...gatewaysLiveOn(outcome), ...everyoneWasAway(outcome), ...worksAsBefore(outcome)],
};

/** A short death, and a return that is too short for everybody to be back. */
async function flap({ entry }: FaultCluster, random: Random): Promise<void> {
  entry.set({ kind: oneOf(random, ['reset', 'half-open']) });
  await delay(between(random, 100, 1_000));
  entry.set({ kind: 'pass' });
  await delay(between(random, 200, 1_200));
}

async function untilBack({ devices }: Population, ms: number): Promise<number> {
  const started = performance.now();
  const took = () => performance.now() - started;
  // The connections that nobody was told of are reset now, and their devices learn of it in the next turns.
  await delay(50);
  while (devices.some((device) => !device.current) && took() < ms) await delay(10);
  return took();
}

function isBack(backMs: number, allowedMs: number, { patience }: RoundOutcome): string[] {
  return backMs <= allowedMs * patience ? [] : [`not everybody was back within ${allowedMs} ms`];
}

function poolsHeld({ peaks }: PoolWatch): string[] {
  return [...peaks].flatMap(([name, peak]) =>
    peak > 0 && peak <= POOL_SIZE ? [] : [`${name} had ${peak} connections to Postgres, its pool is ${POOL_SIZE}`],
  );
}

/** Else there was no storm. */
function everyoneWasAway({ history, from, to }: RoundOutcome): string[] {
  const stayed = history.devices.filter(
    ({ events }) => !events.some(({ kind, at }) => kind === 'disconnected' && at >= from && at <= to),
  );
  return stayed.length === 0 ? [] : [`${stayed.length} devices never lost their connection`];
}
