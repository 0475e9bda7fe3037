import { setTimeout as delay } from 'node:timers/promises';
import { between, type FaultCluster, oneOf, type PoolWatch, type Random, watchPools } from '@chat-cluster/testkit';
import { gatewaysKeepRunning, worksAsBefore } from '../expectations.ts';
import type { Fault, RoundOutcome } from '../fault.ts';
import { waitUntil } from '../wait-until.ts';

const POOL_SIZE = 5;
/** Time until all devices must be in sync again, in ms: up to 3 s of their own back-off, the rest for the gateways. */
const RECONNECT_LIMIT_MS = 10_000;
/**
 * Limit per device, in ms, for storms of thousands, which share this process with the entry. 2,667 devices needed 8 to
 * 25 s on 2 cores.
 */
const LIMIT_PER_DEVICE_MS = 15;
/** How long devices are awaited, as a multiple of the limit. The deadline of the round applies to the rest. */
const WAIT_FACTOR = 2;
/** Time in which devices detect that their half-open connections are reset, in ms. */
const DETECTION_MS = 50;

/**
 * The entry fails with all connections and returns. In even rounds clients are not notified of the failure
 * (half-open, as when a machine disappears), so all reconnect at once when it returns. It may fail again while they
 * reconnect.
 */
export const reconnectStorm: Fault = {
  id: 'F20',
  title: 'the entry fails, and all clients reconnect',
  clients: 'mixed',
  pairs: 150,
  secondDeviceEvery: 3,
  cluster: { env: { PG_POOL_SIZE: String(POOL_SIZE) } },
  async inject({ cluster, population, random, round }) {
    const pools = await watchPools(cluster.postgres.url, [...cluster.gateways, ...cluster.workers]);
    for (let failures = Math.floor(random() * 3); failures > 0; failures--) await failBriefly(cluster, random);
    cluster.entry.set({ kind: round % 2 === 0 ? 'half-open' : 'reset' });
    const limitMs = Math.max(RECONNECT_LIMIT_MS, population.devices.length * LIMIT_PER_DEVICE_MS);
    let reconnectedMs = Number.NaN;
    return {
      lastsMs: between(random, 1_000, 4_000),
      // Includes the storm: the time after it is compared with the time before the fault.
      async heal() {
        cluster.entry.set({ kind: 'pass' });
        await delay(DETECTION_MS);
        const allInSync = () => population.devices.every(({ inSync }) => inSync);
        reconnectedMs = DETECTION_MS + (await waitUntil(allInSync, limitMs * WAIT_FACTOR, 10));
        await pools.stop();
      },
      figures: () =>
        `${population.devices.length} devices were connected and in sync after ${Math.round(reconnectedMs)} ms; ` +
        `at most ${Math.max(...pools.peaks.values())} Postgres connections of one process`,
      expect: (outcome) => [...reconnectedInTime(reconnectedMs, limitMs, outcome), ...poolsKeepTheirSize(pools)],
    };
  },
  expect: (outcome) => [...gatewaysKeepRunning(outcome), ...allDevicesDisconnected(outcome), ...worksAsBefore(outcome)],
};

/** A short failure, followed by a return that is too short for all devices to reconnect. */
async function failBriefly({ entry }: FaultCluster, random: Random): Promise<void> {
  entry.set({ kind: oneOf(random, ['reset', 'half-open']) });
  await delay(between(random, 100, 1_000));
  entry.set({ kind: 'pass' });
  await delay(between(random, 200, 1_200));
}

function reconnectedInTime(reconnectedMs: number, limitMs: number, { deadlineFactor }: RoundOutcome): string[] {
  return reconnectedMs <= limitMs * deadlineFactor ? [] : [`not all devices were in sync again within ${limitMs} ms`];
}

function poolsKeepTheirSize({ peaks }: PoolWatch): string[] {
  return [...peaks].flatMap(([name, peak]) =>
    peak > 0 && peak <= POOL_SIZE ? [] : [`${name} had ${peak} connections to Postgres, its pool is ${POOL_SIZE}`],
  );
}

/** Otherwise there was no storm. */
function allDevicesDisconnected({ history, from, to }: RoundOutcome): string[] {
  const stayed = history.devices.filter(
    ({ events }) => !events.some(({ kind, at }) => kind === 'disconnected' && at >= from && at <= to),
  );
  return stayed.length === 0 ? [] : [`${stayed.length} devices never lost their connection`];
}
