import { number, wholeNumber } from '@chat-cluster/runtime';
import { watchMemory } from '@chat-cluster/testkit/processes';
import { z } from 'zod';
import { startOurs } from '../../arms/ours.ts';
import { startUnderLoad } from '../../arms/under-load.ts';
import type { Log } from '../../experiment.ts';

export const OVERLOAD_OPTIONS = z.object({
  pairs: wholeNumber(1).default(100).describe('pairs of users'),
  probe: number(0.1)
    .default(5)
    .describe('seconds of the closed loop that finds the sustainable rate, and of its warm-up'),
  calm: wholeNumber(1).default(4).describe('seconds at 0.3 times that rate'),
  seconds: wholeNumber(1).default(20).describe('seconds at twice that rate'),
  after: wholeNumber(1).default(10).describe('seconds at 0.3 times that rate afterwards'),
});

export type OverloadFigures = Awaited<ReturnType<typeof measureOverload>>;

/** Rates of the open loop, as multiples of the sustainable rate. */
const CALM = 0.3;
const OVERLOAD = 2;
const PROBE_IN_FLIGHT = 1_000;
/** Characters of a message. */
const SIZE = 100;
const SAMPLE_EVERY_MS = 1_000;

/**
 * Finds the sustainable rate, then exceeds it:
 *
 *   closed loop, 1,000 in flight: the sustainable rate ─▶ 0.3 × that rate: calm ─▶ 2 ×: overload ─▶ 0.3 ×: afterwards
 *
 * The last three are one open loop, so that no pause hides what the overload left behind.
 */
export async function measureOverload(options: z.output<typeof OVERLOAD_OPTIONS>, log: Log) {
  const { pairs, probe, calm, seconds, after } = options;
  await using cluster = await startUnderLoad(startOurs, { pairs, idle: 0, log });
  const closed = { inFlight: PROBE_IN_FLIGHT, warmUpSeconds: probe, seconds: probe, size: SIZE };
  const { deliveredPerSecond: sustainable } = await cluster.run(closed);
  const times = (share: number) => Math.max(1, Math.round(sustainable * share));
  log(`sustainable: ${sustainable.toFixed(0)} msg/s; now ${times(OVERLOAD)} msg/s for ${seconds} s`);
  const { processes } = cluster.arm;
  const watch = watchMemory(
    processes.map(({ pid }) => pid),
    SAMPLE_EVERY_MS,
  );
  const further = [
    { rate: times(OVERLOAD), seconds },
    { rate: times(CALM), seconds: after },
  ];
  const outcome = await cluster.run({ rate: times(CALM), warmUpSeconds: 1, seconds: calm, after: further, size: SIZE });
  await watch.stop();
  // Resident memory of every process once a second; of Postgres its first process only.
  const memory = processes.map(({ name }, i) => {
    return { name, megabytes: (watch.samples[i] ?? []).map((bytes) => bytes / 1_024 ** 2) };
  });
  // `sustainable`: messages per second.
  return { options, sustainable, outcome, memory };
}
