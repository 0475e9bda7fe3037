/*
 * What happens at twice the rate that the cluster can hold:
 *
 *   closed loop, 1,000 in flight: the sustainable rate ─▶ 0.3 × of it: calm ─▶ 2 ×: overload ─▶ 0.3 ×: afterwards
 *
 * The last three are one open loop, so that nothing waits for what the overload left behind.
 */
import { readFile } from 'node:fs/promises';
import { startGenerator } from '../compare/generator-process.ts';
import { startOurs } from '../compare/our-arm.ts';
import type { Outcome } from '../compare/wire.ts';
import type { Experiment } from '../experiment.ts';
import { readNumbers } from '../options.ts';
import { reportOverload } from './report.ts';

export interface OverloadOptions {
  pairs: number;
  /** Of the closed loop, of each part of the open loop. */
  probeSeconds: number;
  calmSeconds: number;
  overloadSeconds: number;
  afterSeconds: number;
}

export interface OverloadFigures {
  options: OverloadOptions;
  /** Messages a second that the closed loop delivered. */
  sustainable: number;
  outcome: Outcome;
  /** Resident memory of every process once a second, MB; postgres is its first process alone. */
  memory: { name: string; megabytes: number[] }[];
  /** What ended by itself. */
  ended: string[];
}

const CALM = 0.3;
const OVERLOAD = 2;
const SIZE = 100;
const SAMPLE_EVERY_MS = 1_000;

const HELP = `npm run bench -- overload [options]

Twice the rate that the cluster can hold: it refuses what is too much at once, keeps its memory and its other acks, and is
as before when the load falls.

  --pairs N     pairs of users (100)
  --probe N     seconds of the closed loop that finds the sustainable rate (5), after a warm-up
  --seconds N   of overload (20), between --calm N (4) and --after N (10) seconds of 0.3 times the sustainable rate
  --save        write load-tests/results
`;

export const overload: Experiment = {
  name: 'overload',
  about: 'twice the rate that the cluster can hold',
  help: HELP,
  async run(args, say) {
    const given = readNumbers(args, { pairs: 100, probe: 5, seconds: 20, calm: 4, after: 10 }, 1);
    const { pairs, probe: probeSeconds, seconds: overloadSeconds, calm: calmSeconds, after: afterSeconds } = given;
    return reportOverload(
      await measureOverload({ pairs, probeSeconds, calmSeconds, overloadSeconds, afterSeconds }, say),
    );
  },
};

export async function measureOverload(options: OverloadOptions, say: (line: string) => void): Promise<OverloadFigures> {
  const { pairs, probeSeconds, calmSeconds, overloadSeconds, afterSeconds } = options;
  const ended: string[] = [];
  await using arm = await startOurs({ pairs, idle: 0, say, log: (line) => ended.push(line) });
  await using generator = await startGenerator(arm);
  const { processes } = arm;
  const common = { size: SIZE, processes };
  const probe = await generator.run({
    ...common,
    rate: 0,
    inFlight: 1_000,
    warmUpSeconds: probeSeconds,
    seconds: probeSeconds,
  });
  const sustainable = probe.deliveredPerSecond;
  const at = (share: number) => Math.max(1, Math.round(sustainable * share));
  say(`sustainable: ${sustainable.toFixed(0)} msg/s; ${at(OVERLOAD)} msg/s for ${overloadSeconds} s follow`);
  const watch = watchMemory(processes);
  const outcome = await generator.run({
    ...common,
    rate: at(CALM),
    inFlight: 0,
    warmUpSeconds: 1,
    seconds: calmSeconds,
    after: [
      { rate: at(OVERLOAD), seconds: overloadSeconds },
      { rate: at(CALM), seconds: afterSeconds },
    ],
  });
  return { options, sustainable, outcome, memory: await watch.stop(), ended };
}

function watchMemory(processes: readonly { name: string; pid: number }[]) {
  const memory = processes.map(({ name }) => ({ name, megabytes: [] as number[] }));
  const look = async () => {
    const values = await Promise.all(processes.map(({ pid }) => residentMegabytes(pid)));
    for (const [i, value] of values.entries()) memory[i]?.megabytes.push(value);
  };
  let looked = look();
  const timer = setInterval(() => {
    looked = looked.then(look);
  }, SAMPLE_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await looked;
      return memory;
    },
  };
}

/** 0 of a process that is gone. */
async function residentMegabytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1_024;
}
