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

/** Milliseconds by the name of a latency. */
export type Threshold = Record<string, number>;

interface Script {
  config: { phases: Phase[]; ensure: { thresholds: Threshold[] }; environments: { short: { phases: Phase[] } } };
}

/** The phases of a scenario file of `folder`, those of its short form laid over them as artillery does. */
export function phasesOf(folder: string, { scenario, short }: Pick<Options, 'scenario' | 'short'>): Phase[] {
  const { config } = scriptOf(folder, scenario);
  if (!short) return config.phases;
  return config.phases.map((phase, index) => ({ ...phase, ...config.environments.short.phases[index] }));
}

/** The latencies that a scenario file of `folder` bounds, each with `ms` for its bound. */
export function thresholdsOf(folder: string, scenario: string, ms: number): Threshold[] {
  const { thresholds } = scriptOf(folder, scenario).config.ensure;
  return thresholds.map((threshold) => Object.fromEntries(Object.keys(threshold).map((latency) => [latency, ms])));
}

function scriptOf(folder: string, scenario: string): Script {
  const { load } = createRequire(join(folder, 'package.json'))('js-yaml') as { load(text: string): unknown };
  return load(readFileSync(join(folder, 'scenarios', `${scenario}.yml`), 'utf8')) as Script;
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
