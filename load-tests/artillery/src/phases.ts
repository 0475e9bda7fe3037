import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Options } from './options.ts';

/** A period with `arrivalRate` new virtual users per second, `rampTo` at its end. */
export interface Phase {
  name?: string;
  /** Seconds. */
  duration: number;
  arrivalRate: number;
  rampTo?: number;
}

/** Limits in milliseconds, by the name of a latency. */
export type Threshold = Record<string, number>;

interface Script {
  config: { phases: Phase[]; ensure: { thresholds: Threshold[] }; environments: { short: { phases: Phase[] } } };
}

/** The phases of a scenario file in `folder`. Those of the short form are merged into them, as Artillery does it. */
export function phasesOf(folder: string, { scenario, short }: Pick<Options, 'scenario' | 'short'>): Phase[] {
  const { config } = scriptOf(folder, scenario);
  if (!short) return config.phases;
  return config.phases.map((phase, index) => ({ ...phase, ...config.environments.short.phases[index] }));
}

/** The thresholds of a scenario file in `folder`, each with `ms` as its limit. */
export function thresholdsOf(folder: string, scenario: string, ms: number): Threshold[] {
  const { thresholds } = scriptOf(folder, scenario).config.ensure;
  return thresholds.map((threshold) => Object.fromEntries(Object.keys(threshold).map((latency) => [latency, ms])));
}

function scriptOf(folder: string, scenario: string): Script {
  const { load } = createRequire(join(folder, 'package.json'))('js-yaml') as { load(text: string): unknown };
  return load(readFileSync(join(folder, 'scenarios', `${scenario}.yml`), 'utf8')) as Script;
}

/** The phases in proportion, with a sum of `duration` seconds and at most `rate` new users per second. */
export function scalePhases(phases: readonly Phase[], { duration, rate }: Pick<Options, 'duration' | 'rate'>): Phase[] {
  const total = phases.reduce((sum, phase) => sum + phase.duration, 0);
  const highest = Math.max(...phases.map((phase) => Math.max(phase.arrivalRate, phase.rampTo ?? 0)));
  // Artillery accepts whole numbers from 1.
  const scale = (value: number, to: number | undefined, from: number) =>
    to === undefined ? value : Math.max(1, Math.round((value * to) / from));
  return phases.map((phase) => ({
    ...phase,
    duration: scale(phase.duration, duration, total),
    arrivalRate: scale(phase.arrivalRate, rate, highest),
    ...(phase.rampTo === undefined ? {} : { rampTo: scale(phase.rampTo, rate, highest) }),
  }));
}
