import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Options } from './options.ts';

/** A stretch of time with so many new virtual users a second, `rampTo` at its end. */
export interface Phase {
  name?: string;
  /** Seconds. */
  duration: number;
  arrivalRate: number;
  rampTo?: number;
}

interface Script {
  config: { phases: Phase[]; environments: { short: { phases: Phase[] } } };
}

/** The phases of a scenario file of `folder`, those of its short form laid over them as artillery does. */
export function phasesOf(folder: string, { scenario, short }: Pick<Options, 'scenario' | 'short'>): Phase[] {
  const { load } = createRequire(join(folder, 'package.json'))('js-yaml') as { load(text: string): unknown };
  const { config } = load(readFileSync(join(folder, 'scenarios', `${scenario}.yml`), 'utf8')) as Script;
  if (!short) return config.phases;
  return config.phases.map((phase, index) => ({ ...phase, ...config.environments.short.phases[index] }));
}

/** The phases, in proportion, but lasting `duration` seconds and with `rate` new users a second where they have the most. */
export function scalePhases(phases: readonly Phase[], { duration, rate }: Pick<Options, 'duration' | 'rate'>): Phase[] {
  const lasts = phases.reduce((sum, phase) => sum + phase.duration, 0);
  const most = Math.max(...phases.map((phase) => Math.max(phase.arrivalRate, phase.rampTo ?? 0)));
  // Artillery wants whole numbers, and at least 1.
  const scale = (value: number, wanted: number | undefined, from: number) =>
    wanted === undefined ? value : Math.max(1, Math.round((value * wanted) / from));
  return phases.map((phase) => ({
    ...phase,
    duration: scale(phase.duration, duration, lasts),
    arrivalRate: scale(phase.arrivalRate, rate, most),
    ...(phase.rampTo === undefined ? {} : { rampTo: scale(phase.rampTo, rate, most) }),
  }));
}
