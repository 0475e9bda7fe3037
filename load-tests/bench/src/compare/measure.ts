/*
 * The rounds. In each, every arm in turn, in another order each time:
 *
 *   start it, fresh ─▶ warm up ─▶ open loop, each rate ─▶ closed loop, each number in flight ─▶ end it
 *
 * Nothing of one arm runs while another is measured. An arm that dies is started again for what is left of its turn.
 */
import { UserError } from '@chat-cluster/runtime';
import { ARMS, type Arm } from './arms.ts';
import { type Generator, startGenerator } from './generator-process.ts';
import { measureIdle } from './idle.ts';
import type { CompareOptions } from './options.ts';
import type { Outcome, Run } from './wire.ts';

/** One run of one arm in one round: a rate (open loop) or a number in flight (closed loop); the other is 0. */
export interface Sample {
  arm: string;
  round: number;
  rate: number;
  inFlight: number;
  outcome: Outcome;
}

/** What did not run, and why. */
export interface Measured {
  samples: Sample[];
  missing: { arm: string; reason: string }[];
  /** Bytes of resident memory a connection. */
  idle: { arm: string; bytes: number }[];
}

type Load = Pick<Run, 'rate' | 'inFlight'>;

export async function measureArms(options: CompareOptions, say: (line: string) => void): Promise<Measured> {
  const arms = ARMS.filter(({ name }) => options.arms.includes(name));
  const measured: Measured = { samples: [], missing: [], idle: [] };
  for (let round = 0; round < options.rounds; round++) {
    const turn = round % arms.length;
    for (const arm of [...arms.slice(turn), ...arms.slice(0, turn)]) {
      if (measured.missing.some((one) => one.arm === arm.name)) continue;
      say(`round ${round + 1} of ${options.rounds}: ${arm.name}`);
      await orMissing(arm, measured, say, () => measureOne(arm, round, options, measured, say));
    }
  }
  for (const arm of arms) {
    if (options.idle === 0 || measured.missing.some((one) => one.arm === arm.name)) continue;
    await orMissing(arm, measured, say, async () => {
      const bytes = await measureIdle(arm, options.idle, say);
      say(`${arm.name}: ${bytes.toFixed(0)} bytes an idle connection`);
      measured.idle.push({ arm: arm.name, bytes });
    });
  }
  return measured;
}

/** An arm that can not be had here (a UserError) is left out of what follows, and the others are measured. */
async function orMissing(arm: Arm, measured: Measured, say: (line: string) => void, act: () => Promise<void>) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say(`${arm.name} is left out: ${error.message}`);
    measured.missing.push({ arm: arm.name, reason: error.message });
  }
}

async function measureOne(
  arm: Arm,
  round: number,
  options: CompareOptions,
  measured: Measured,
  say: (line: string) => void,
): Promise<void> {
  let left = loadsOf(arm, options);
  while (left.length > 0) {
    left = await untilItDies(arm, left, options, say, ({ rate, inFlight }, outcome) => {
      measured.samples.push({ arm: arm.name, round, rate, inFlight, outcome });
      say(`  ${describe({ rate, inFlight }, outcome)}`);
    });
  }
}

/** Of low rates first, so that what an arm may not survive comes last. The relay is also asked for what it does best. */
export function loadsOf({ name }: Pick<Arm, 'name'>, { rates, inFlight, relayInFlight }: CompareOptions): Load[] {
  const closed = name === 'relay' ? [...new Set([...relayInFlight, ...inFlight])].sort((a, b) => a - b) : inFlight;
  return [...rates.map((rate) => ({ rate, inFlight: 0 })), ...closed.map((n) => ({ rate: 0, inFlight: n }))];
}

/** Returns the loads that are left when it died. */
async function untilItDies(
  arm: Arm,
  loads: readonly Load[],
  options: CompareOptions,
  say: (line: string) => void,
  tell: (load: Load, outcome: Outcome) => void,
): Promise<Load[]> {
  const ended: string[] = [];
  await using running = await arm.start({ pairs: options.pairs, idle: 0, say, log: (line) => ended.push(line) });
  await using generator = await startGenerator(running);
  const { seconds, size, warmUpSeconds } = options;
  const run = (load: Load, warmUp: number, measuredSeconds: number) =>
    generator.run({ ...load, warmUpSeconds: warmUp, seconds: measuredSeconds, size, processes: running.processes });
  await warmUp(run, warmUpSeconds);
  for (const [i, load] of loads.entries()) {
    await running.tidy();
    const outcome = await run(load, RAMP_SECONDS, seconds);
    if (ended.length > 0) outcome.died ??= ended.join(' ');
    tell(load, outcome);
    if (outcome.died !== undefined) return loads.slice(i + 1);
  }
  return [];
}

/** Of each run: what it is like while it begins is not measured. */
const RAMP_SECONDS = 1;

async function warmUp(
  run: (load: Load, warmUp: number, seconds: number) => ReturnType<Generator['run']>,
  seconds: number,
) {
  // Few in flight: the relay may not survive many, and code gets hot by their sum.
  if (seconds > 0) await run({ rate: 0, inFlight: 50 }, 0, seconds);
}

function describe({ rate, inFlight }: Load, { died, deliveredPerSecond, delivery, ack, lost, cpu }: Outcome): string {
  const load = rate > 0 ? `${rate} msg/s` : `${inFlight} in flight`;
  if (died !== undefined) return `${load.padEnd(15)} died: ${died}`;
  const used = Object.entries(cpu).map(([kind, us]) => `${kind} ${us.toFixed(0)}`);
  return (
    `${load.padEnd(15)} ${deliveredPerSecond.toFixed(0).padStart(6)} msg/s   delivery ${delivery.p50.toFixed(1)} / ${delivery.p99.toFixed(1)} ms` +
    `${ack ? `   ack ${ack.p50.toFixed(1)} / ${ack.p99.toFixed(1)} ms` : ''}   CPU µs: ${used.join(', ')}${lost > 0 ? `   ${lost} lost` : ''}`
  );
}
