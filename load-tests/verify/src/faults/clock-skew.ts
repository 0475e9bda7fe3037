import { between, type ControlledService, oneOf, type Random } from '@chat-cluster/testkit';
import { noVisibleEffect } from '../expectations.ts';
import type { Fault } from '../fault.ts';

const PRELOAD = new URL('../processes/shifted-clock.ts', import.meta.url).href;
const HOUR_MS = 3_600_000;
/** Largest shift. Below the lifetime of a token, which is a day. */
const MAX_SHIFT_MS = 23 * HOUR_MS;
const MIN_SHIFT_MS = 300_000;
/** A process whose start time differs by more has a shifted clock. Includes the time that a start takes. */
const NOTICEABLE_MS = MIN_SHIFT_MS - 120_000;

/** Shifts the clocks of a gateway and a worker. Order comes from `seq`, so this must have no visible effect. */
export const clocksDiffer: Fault = {
  id: 'F19',
  title: 'clocks differ by minutes or hours',
  freshCluster: true,
  cluster: (random) => ({ envOf: { 'gateway-1': shiftedClock(random), 'worker-1': shiftedClock(random) } }),
  async inject({ cluster, random }) {
    for (const service of [...cluster.gateways, ...cluster.workers]) {
      const isShifted = Math.abs(await clockDifference(service)) > NOTICEABLE_MS;
      if (isShifted !== /-1$/.test(service.name)) {
        throw new Error(`the clock of ${service.name} is${isShifted ? '' : ' not'} shifted`);
      }
    }
    return { lastsMs: between(random, 3_000, 6_000), heal: async () => undefined };
  },
  expect: noVisibleEffect,
};

/** Ahead or behind, by a log-uniform time, so that 5 minutes are as likely as most of a day. */
function shiftedClock(random: Random): NodeJS.ProcessEnv {
  const ms = MIN_SHIFT_MS * (MAX_SHIFT_MS / MIN_SHIFT_MS) ** random();
  const shiftMs = Math.round(oneOf(random, [-1, 1]) * ms);
  return { NODE_OPTIONS: `--import=${PRELOAD}`, CLOCK_SHIFT_MS: String(shiftMs) };
}

/** The start time of the process by its own clock, minus the time now by ours, in ms. */
async function clockDifference(service: ControlledService): Promise<number> {
  const startedAt = await service.metric('process_start_time_seconds');
  if (startedAt === undefined) throw new Error(`${service.name} does not return its metrics`);
  return startedAt * 1_000 - Date.now();
}
