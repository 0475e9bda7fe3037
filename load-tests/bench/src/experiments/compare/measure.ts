import { flagOption, UserError, wholeNumber, wholeNumbers } from '@chat-cluster/runtime';
import { residentBytes } from '@chat-cluster/testkit/processes';
import { z } from 'zod';
import type { Arm } from '../../arms/arm.ts';
import { startEjabberd } from '../../arms/ejabberd.ts';
import { startOurs } from '../../arms/ours.ts';
import { startInline, startJobs, startRelay } from '../../arms/stock.ts';
import { startUnderLoad } from '../../arms/under-load.ts';
import { type Log, someOf } from '../../experiment.ts';
import type { Load, Outcome } from '../../traffic/run.ts';
import { growthPerConnection, WARM } from '../idle/measure.ts';

/** The arms of `compare`, in the order of the tables: the one that stores nothing comes first. */
export const ARMS: readonly Arm[] = [
  { name: 'relay', about: 'Socket.IO and its Redis adapter, nothing stored', start: startRelay },
  { name: 'inline', about: 'insert and count per message in the gateway', start: startInline },
  { name: 'jobs', about: 'one BullMQ job per message', start: startJobs },
  { name: 'ours', about: 'lanes and natural batches', start: startOurs },
  { name: 'ejabberd', about: 'ejabberd with its archive in Postgres, XMPP over WebSocket', start: startEjabberd },
];

export const COMPARE_OPTIONS = z.object({
  arms: someOf(ARMS.map(({ name }) => name)).describe('arms'),
  rounds: wholeNumber(1).optional().describe('rounds (3; with --quick 1)'),
  seconds: wholeNumber(1).optional().describe('measured time of each run (5; with --quick 3)'),
  warmUp: wholeNumber(0).optional().describe('seconds of traffic after each start (20; with --quick 3)'),
  inFlight: wholeNumbers(1).default([200, 1_000]).describe('closed loop: messages in flight at any time'),
  rates: wholeNumbers(1).default([100, 500, 2_000]).describe('open loop: messages a second by the clock'),
  pairs: wholeNumber(1).default(100).describe('pairs of users, each on two gateways'),
  size: wholeNumber(1).default(100).describe('characters of a message'),
  idle: wholeNumber(0).default(0).describe('also the approximate memory of one of N idle connections; 0: not measured'),
  quick: flagOption('other defaults, for a first look'),
});

/**
 * Fills in the defaults that depend on --quick. Warm-up of 20 s: after 4 s, threads that compile still take 7 % of the
 * CPU of an arm with much code (perf); services run for days.
 */
export function completeOptions({ quick, rounds, seconds, warmUp, ...others }: z.output<typeof COMPARE_OPTIONS>) {
  const defaults = quick ? { rounds: 1, seconds: 3, warmUp: 3 } : { rounds: 3, seconds: 5, warmUp: 20 };
  const given = { rounds: rounds ?? defaults.rounds, seconds: seconds ?? defaults.seconds };
  return { ...others, ...given, warmUp: warmUp ?? defaults.warmUp };
}

type Options = ReturnType<typeof completeOptions>;

/** One run of one arm in one round. Of rate (open loop) and number in flight (closed loop) one is 0. */
export interface Sample extends Required<Pick<Load, 'rate' | 'inFlight'>> {
  arm: string;
  round: number;
  outcome: Outcome;
}

export type Measured = Awaited<ReturnType<typeof measureArms>>;

/** Further numbers in flight for the relay, to find its maximum. */
const RELAY_IN_FLIGHT = [50, 100];
/** Unmeasured time at the start of each run, in seconds. */
const RAMP_SECONDS = 1;
/** Low, because the relay may not survive many in flight; a warm-up only needs a number of messages. */
const WARM_UP_IN_FLIGHT = 50;

/**
 * Measures all arms in rounds, each round in another order:
 *
 *   start the arm ─▶ warm up ─▶ open loop, each rate ─▶ closed loop, each number in flight ─▶ stop the arm
 *
 * Only one arm runs at a time. An arm that dies is started again for the rest of its loads. An arm that is not
 * available on this machine is left out.
 */
export async function measureArms(given: z.output<typeof COMPARE_OPTIONS>, log: Log) {
  const options = completeOptions(given);
  const measured = {
    options,
    samples: [] as Sample[],
    /** Arms that could not be measured on this machine. */
    missing: [] as { arm: string; reason: string }[],
    /** Bytes of resident memory per connection. */
    idle: [] as { arm: string; bytes: number }[],
  };
  const unlessMissing = async (arm: Arm, measure: () => Promise<void>) => {
    if (measured.missing.some((one) => one.arm === arm.name)) return;
    await measure().catch((error) => {
      if (!(error instanceof UserError)) throw error;
      log(`${arm.name} is left out: ${error.message}`);
      measured.missing.push({ arm: arm.name, reason: error.message });
    });
  };
  const arms = ARMS.filter(({ name }) => options.arms.includes(name));
  for (let round = 0; round < options.rounds; round++) {
    const turn = round % arms.length;
    for (const arm of [...arms.slice(turn), ...arms.slice(0, turn)]) {
      await unlessMissing(arm, async () => {
        log(`round ${round + 1} of ${options.rounds}: ${arm.name}`);
        for await (const sample of runLoads(arm, options, log))
          measured.samples.push({ arm: arm.name, round, ...sample });
      });
    }
  }
  for (const arm of options.idle > 0 ? arms : []) {
    await unlessMissing(arm, async () => {
      const bytes = await measureIdleMemory(arm, options.idle, log);
      log(`${arm.name}: ${bytes.toFixed(0)} bytes per idle connection`);
      measured.idle.push({ arm: arm.name, bytes });
    });
  }
  return measured;
}

/** Runs all loads of an arm; starts it anew after each death. */
async function* runLoads(arm: Arm, { pairs, seconds, size, warmUp, ...loads }: Options, log: Log) {
  const left = loadsOf(arm, loads);
  while (left.length > 0) {
    await using loaded = await startUnderLoad(arm.start, { pairs, idle: 0, log });
    if (warmUp > 0) await loaded.run({ inFlight: WARM_UP_IN_FLIGHT, seconds: warmUp, size });
    let died = false;
    while (left.length > 0 && !died) {
      const load = left.shift() as (typeof left)[number];
      await loaded.arm.reset?.();
      const outcome = await loaded.run({ ...load, warmUpSeconds: RAMP_SECONDS, seconds, size });
      log(`  ${describe(load, outcome)}`);
      died = outcome.died !== undefined;
      yield { ...load, outcome };
    }
  }
}

/** Low rates first, because an arm may not survive the high ones. The relay has further loads, to find its maximum. */
export function loadsOf({ name }: Pick<Arm, 'name'>, { rates, inFlight }: Pick<Options, 'rates' | 'inFlight'>) {
  const closed = name === 'relay' ? [...new Set([...RELAY_IN_FLIGHT, ...inFlight])].sort((a, b) => a - b) : inFlight;
  return [...rates.map((rate) => ({ rate, inFlight: 0 })), ...closed.map((n) => ({ rate: 0, inFlight: n }))];
}

/** Bytes of resident memory that one of `count` idle connections adds to the gateways (or ejabberd) of a fresh arm. */
async function measureIdleMemory(arm: Arm, count: number, log: Log): Promise<number> {
  await using loaded = await startUnderLoad(arm.start, { pairs: 0, idle: WARM + count, log });
  const servers = loaded.arm.processes.filter(({ name }) => name === 'gateways' || name === 'ejabberd');
  const { bytes } = await growthPerConnection(loaded, async () => {
    const values = await Promise.all(servers.map(({ pid }) => residentBytes(pid)));
    return { bytes: values.reduce((sum, one) => sum + one, 0) };
  });
  return bytes;
}

function describe({ rate, inFlight }: Pick<Sample, 'rate' | 'inFlight'>, outcome: Outcome): string {
  const { died, deliveredPerSecond, delivery, lost } = outcome;
  const load = (rate > 0 ? `${rate} msg/s` : `${inFlight} in flight`).padEnd(15);
  if (died !== undefined) return `${load} died: ${died}`;
  const latency = `delivery ${delivery.p50.toFixed(1)} / ${delivery.p99.toFixed(1)} ms`;
  return `${load} ${deliveredPerSecond.toFixed(0).padStart(6)} msg/s   ${latency}   ${lost} lost`;
}
