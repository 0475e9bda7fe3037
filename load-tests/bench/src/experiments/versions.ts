import { earlierVersion, repository } from '@chat-cluster/local-cluster';
import { wholeNumber } from '@chat-cluster/runtime';
import { median, mediansOf, sumsOf } from '@chat-cluster/testkit/lean-client';
import { z } from 'zod';
import { type OurOptions, type RunningOurs, startOurs } from '../arms/ours.ts';
import { startUnderLoad } from '../arms/under-load.ts';
import type { Log } from '../experiment.ts';
import { type Column, latencyColumns, noErrors, type Report, table, verdict } from '../results/report.ts';
import type { Outcome } from '../traffic/run.ts';
import { byKind, KINDS } from './scale/measure.ts';

export const VERSIONS_OPTIONS = z.object({
  from: z.string().default('HEAD').describe('the commit that this checkout is compared with'),
  pairs: wholeNumber(1, 1_000).default(20).describe('pairs of runs, one of each version'),
  seconds: wholeNumber(1).default(3).describe('measured time of each run'),
  warmUp: wholeNumber(0).default(20).describe('seconds of traffic of each version before the first run'),
  inFlight: wholeNumber(1).default(1_000).describe('closed loop: messages in flight at any time'),
  rate: wholeNumber(0).default(0).describe('open loop instead: messages a second by the clock; 0: closed loop'),
  users: wholeNumber(1).default(100).describe('pairs of users, each on two gateways'),
  size: wholeNumber(1).default(100).describe('characters of a message'),
  least: wholeNumber(1, 100)
    .default(95)
    .describe('target: messages of this checkout, or with a rate per CPU, in % of those of the other version'),
});
export type VersionsOptions = z.output<typeof VERSIONS_OPTIONS>;

const VERSIONS = ['before', 'after'] as const;
type VersionName = (typeof VERSIONS)[number];
/** One run of each version, one right after the other. */
export type VersionPair = Record<VersionName, Outcome>;
export interface MeasuredVersions {
  /** The earlier version. */
  commit: string;
  pairs: VersionPair[];
}

/** Both clusters stay up, so the work of one in the background would disturb the runs of the other: it is off. */
const ENV = { AUDIT_INTERVAL_MS: '0' };
/** Unmeasured time at the start of each run, in seconds: the queues fill. */
const RAMP_SECONDS = 1;
const ERRORS = ['sent', 'refused', 'lost', 'duplicated', 'reordered'] as const;

/**
 * Measures two versions in turn: both clusters stay up, and only one has traffic at a time. The two runs of a pair are
 * seconds apart, so both meet the same machine; the order changes with each pair.
 */
export async function measureVersions(
  options: VersionsOptions,
  log: Log,
  find = earlierVersion,
): Promise<MeasuredVersions> {
  const { from, pairs, users, warmUp, seconds, rate, inFlight, size } = options;
  const start = (version: string) =>
    startUnderLoad<RunningOurs, OurOptions>(startOurs, { pairs: users, idle: 0, version, env: ENV, log });
  const { commit, folder } = await find(from);
  await using before = await start(folder);
  await using after = await start(repository);
  const clusters = { before, after };
  const load = { rate, inFlight, size };
  for (const name of warmUp > 0 ? VERSIONS : []) {
    log(`warming up: ${name}, ${warmUp} s`);
    await clusters[name].run({ ...load, seconds: warmUp });
  }
  const measured: VersionPair[] = [];
  for (let i = 0; i < pairs; i++) {
    const pair: Partial<VersionPair> = {};
    for (const name of i % 2 === 0 ? VERSIONS : VERSIONS.toReversed()) {
      const outcome = await clusters[name].run({ ...load, warmUpSeconds: RAMP_SECONDS, seconds });
      if (outcome.died !== undefined) throw new Error(`${name}: ${outcome.died}`);
      pair[name] = outcome;
    }
    const complete = pair as VersionPair;
    measured.push(complete);
    const ratios = `${throughputRatio(complete).toFixed(3)} × the messages, ${cpuRatio(complete).toFixed(3)} × the CPU`;
    log(`pair ${i + 1} of ${pairs}: ${ratios}`);
  }
  return { commit, pairs: measured };
}

export function reportVersions(options: VersionsOptions, { commit, pairs }: MeasuredVersions): Report {
  const { seconds, rate, inFlight, users, least } = options;
  const from = commit.slice(0, 10);
  const rows = VERSIONS.map((name) => {
    const { deliveredPerSecond, delivery, cpu } = mediansOf(
      pairs.map((pair) => ({ ...pair[name], cpu: cpuOf(pair[name]), timeline: [] })),
    );
    return { name: name === 'before' ? from : 'this checkout', deliveredPerSecond, delivery, cpu };
  });
  const delivered = spread(pairs.map(throughputRatio));
  const cpu = spread(pairs.map((pair) => cpuRatio(pair)));
  const ratios = [
    { figure: 'messages delivered', ...delivered },
    ...KINDS.map((kind) => {
      return { figure: `CPU of ${kind} per message`, ...spread(pairs.map((pair) => cpuRatio(pair, kind))) };
    }),
    { figure: 'CPU per message, all of them', ...cpu },
  ];
  const target = least / 100;
  return {
    title: 'Two versions of this repository',
    method:
      `${from} and this checkout, each on a cluster of its own with 2 gateways, 1 worker and 4 lanes; ${users} pairs of ` +
      `users, ${rate > 0 ? `${rate} messages a second by the clock` : `${inFlight} messages in flight`}. Only one cluster has ` +
      `traffic at a time: ${pairs.length} pairs of runs of ${seconds} s, each pair in another order than the one before; no unread audit. A ratio ` +
      'is that of the two runs of a pair, the figure of this checkout divided by that of the other version.',
    figures: { options, commit, ratios, pairs },
    tables: [
      table('Ratios of the pairs', ratios, [
        'figure',
        ['median', ({ median }) => median, 3],
        [
          pairs.length < LEAST_FIGURES ? 'range' : '95 % confidence',
          ({ from: low, to: high }) => `${low.toFixed(3)} to ${high.toFixed(3)}`,
        ],
      ]),
      table('Medians of the runs; latencies in ms, CPU in µs per message', rows, [
        ['version', ({ name }) => name],
        ['delivered/s', ({ deliveredPerSecond }) => deliveredPerSecond, 0],
        ...latencyColumns('delivery', ({ delivery }: (typeof rows)[number]) => delivery),
        ...([...KINDS, 'sum'] as const).map((kind): Column<(typeof rows)[number]> => [kind, ({ cpu }) => cpu[kind], 1]),
      ]),
    ],
    charts: [],
    verdicts: [
      noErrors(
        sumsOf(
          pairs.map(({ after }) => after),
          ERRORS,
        ),
      ),
      rate > 0
        ? verdict(
            cpu.median <= 1 / target,
            `${cpu.median.toFixed(3)} × the CPU per message of ${from} (target: at most ${(1 / target).toFixed(2)} ×)`,
          )
        : verdict(
            delivered.median >= target,
            `${delivered.median.toFixed(3)} × the messages of ${from} (target: at least ${target.toFixed(2)} ×)`,
          ),
    ],
  };
}

function throughputRatio({ before, after }: VersionPair): number {
  return after.deliveredPerSecond / before.deliveredPerSecond;
}

function cpuRatio({ before, after }: VersionPair, kind: keyof ReturnType<typeof cpuOf> = 'sum'): number {
  return cpuOf(after)[kind] / cpuOf(before)[kind];
}

/** CPU of the servers, in µs per message. */
function cpuOf({ cpu }: Outcome) {
  return byKind((kind) => cpu[kind] ?? 0);
}

/** Figures from which on a median has an interval of 95 %. */
const LEAST_FIGURES = 6;

/**
 * The median, and an interval that contains the true median with a probability of at least 95 %, whatever the
 * distribution of the figures: from the k-th smallest to the k-th greatest, with the largest k for which fewer than k of
 * n figures are below the true median with a probability of at most 2.5 %. Of fewer than six figures it is the range.
 */
export function spread(figures: readonly number[]): { median: number; from: number; to: number } {
  const sorted = figures.toSorted((a, b) => a - b);
  const n = sorted.length;
  let probability = 0.5 ** n;
  let below = probability;
  let k = 0;
  while (below <= 0.025) {
    k++;
    probability *= (n - k + 1) / k;
    below += probability;
  }
  const rank = Math.max(0, k - 1);
  return { median: median(sorted), from: sorted[rank] ?? Number.NaN, to: sorted[n - 1 - rank] ?? Number.NaN };
}
