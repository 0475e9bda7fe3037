import { between, type ControlledService, oneOf, type Random } from '@chat-cluster/testkit';
import { acknowledgedAtOnce, answeredWithin, gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault } from '../fault.ts';

const PRELOAD = new URL('../shifted-clock.ts', import.meta.url).href;
const HOUR_MS = 3_600_000;
/** A day is as long as tokens are valid, so a little less. */
const FARTHEST_MS = 23 * HOUR_MS;
const NEAREST_MS = 300_000;
/** What a process may need to start, and a little: more says that its clock is off. */
const NOTICEABLE_MS = NEAREST_MS - 120_000;

/** Of one gateway and one worker, on a cluster of its own; order comes from `seq`, so nobody is to notice. */
export const clocksDiffer: Fault = {
  id: 'F19',
  title: 'clocks differ by minutes or hours',
  fresh: true,
  cluster: (random) => ({ envOf: { 'gateway-1': shifted(random), 'worker-1': shifted(random) } }),
  async inject({ cluster, random }) {
    for (const service of [...cluster.gateways, ...cluster.workers]) {
      const isOff = Math.abs(await clockOf(service)) > NOTICEABLE_MS;
      if (isOff !== /-1$/.test(service.name))
        throw new Error(`the clock of ${service.name} is${isOff ? '' : ' not'} off`);
    }
    return { lastsMs: between(random, 3_000, 6_000), heal: async () => undefined };
  },
  expect: (outcome) => [
    ...gatewaysLiveOn(outcome),
    ...socketsStayConnected(outcome),
    ...answeredWithin(outcome, 3_000),
    ...acknowledgedAtOnce(outcome),
  ],
};

/** Near and far alike: five minutes or most of a day, ahead or behind. */
function shifted(random: Random): NodeJS.ProcessEnv {
  const ms = NEAREST_MS * (FARTHEST_MS / NEAREST_MS) ** random();
  const shiftMs = Math.round(oneOf(random, [-1, 1]) * ms);
  return { NODE_OPTIONS: `--import=${PRELOAD}`, CLOCK_SHIFT_MS: String(shiftMs) };
}

/** Milliseconds from our clock to that of the process, less its age: it tells when it started, by its own clock. */
async function clockOf(service: ControlledService): Promise<number> {
  const startedAt = await service.metric('process_start_time_seconds');
  if (startedAt === undefined) throw new Error(`${service.name} does not tell its metrics`);
  return startedAt * 1_000 - Date.now();
}
