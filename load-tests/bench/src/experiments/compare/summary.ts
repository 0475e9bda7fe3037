import { mediansOf, sumsOf } from '@chat-cluster/testkit/lean-client';
import type { Outcome } from '../../traffic/run.ts';
import type { Sample } from './measure.ts';

type Figures = Pick<Outcome, 'deliveredPerSecond' | 'delivery' | 'ack' | 'cpu'>;

/** An arm at one load: the medians of the rounds that it survived. Figures are NaN when it survived none. */
export interface Summary extends Pick<Sample, 'arm' | 'rate' | 'inFlight'>, Figures {
  survived: number;
  rounds: number;
}

const DEAD = {
  deliveredPerSecond: Number.NaN,
  delivery: { p50: Number.NaN, p99: Number.NaN, max: Number.NaN },
  cpu: {},
};

/** All arms at all loads, in the order in which they were measured. */
export function summarise(samples: readonly Sample[]): Summary[] {
  const groups = Map.groupBy(samples, ({ arm, rate, inFlight }) => `${arm} ${rate} ${inFlight}`);
  return [...groups.values()].map((all) => {
    const [{ arm, rate, inFlight }] = all as [Sample];
    const alive = all.map(({ outcome }) => outcome).filter(({ died }) => died === undefined);
    const figures = alive.map(({ deliveredPerSecond, delivery, ack, cpu }): Figures => {
      return { deliveredPerSecond, delivery, ...(ack ? { ack } : {}), cpu };
    });
    const medians = alive.length > 0 ? mediansOf(figures) : DEAD;
    return { arm, rate, inFlight, survived: alive.length, rounds: all.length, ...medians };
  });
}

/** Whether an arm keeps up with a rate: it delivers 97 % of the messages while they are sent. */
export function keepsUp({ rate, deliveredPerSecond }: Summary): boolean {
  return deliveredPerSecond >= rate * 0.97;
}

/** The errors of an arm, over all of its runs. */
export function countErrors(samples: readonly Sample[]) {
  const outcomes = samples.map(({ outcome }) => outcome);
  const sums = sumsOf(outcomes, ['sent', 'lost', 'refused', 'duplicated', 'reordered']);
  return { ...sums, died: outcomes.filter(({ died }) => died !== undefined).length };
}
