import { setTimeout as delay } from 'node:timers/promises';
import { between, type FaultCluster, oneOf, type PoolWatch, type Random, watchPools } from '@chat-cluster/testkit';
import type { Device, DeviceKind } from '../clients/device.ts';
import { gatewaysKeepRunning, worksAsBefore } from '../expectations.ts';
import type { Fault, RoundOutcome } from '../fault.ts';
import { waitUntil } from '../wait-until.ts';

const POOL_SIZE = 5;
/** Longest back-off of a device itself, in ms. */
const OWN_BACK_OFF_MS: Record<DeviceKind, number> = { stock: 3_000, library: 5_000 };
/** Time that the gateways have, beyond the back-off of the devices, until all devices must be in sync again, in ms. */
const GATEWAYS_LIMIT_MS = 7_000;
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
    const kinds = Map.groupBy(population.devices, ({ kind }) => kind);
    const limitOf = (kind: DeviceKind) =>
      Math.max(OWN_BACK_OFF_MS[kind] + GATEWAYS_LIMIT_MS, population.devices.length * LIMIT_PER_DEVICE_MS);
    const reconnectedMs = new Map<DeviceKind, number>();
    return {
      lastsMs: between(random, 1_000, 4_000),
      // Includes the storm: the time after it is compared with the time before the fault.
      async heal() {
        cluster.entry.set({ kind: 'pass' });
        await delay(DETECTION_MS);
        const allInSync = async ([kind, devices]: [DeviceKind, Device[]]) => {
          const isOver = () => devices.every(({ inSync }) => inSync);
          reconnectedMs.set(kind, DETECTION_MS + (await waitUntil(isOver, limitOf(kind) * WAIT_FACTOR, 10)));
        };
        await Promise.all([...kinds].map(allInSync));
        await pools.stop();
      },
      figures: () =>
        [...reconnectedMs].map(([kind, ms]) => `${kind} devices were in sync after ${Math.round(ms)} ms; `).join('') +
        `at most ${Math.max(...pools.peaks.values())} Postgres connections of one process`,
      expect: (outcome) => [
        ...[...reconnectedMs].flatMap(([kind, ms]) => reconnectedInTime(kind, ms, limitOf(kind), outcome)),
        ...poolsKeepTheirSize(pools),
      ],
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

function reconnectedInTime(kind: DeviceKind, ms: number, limitMs: number, { deadlineFactor }: RoundOutcome): string[] {
  return ms <= limitMs * deadlineFactor ? [] : [`not all ${kind} devices were in sync again within ${limitMs} ms`];
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
