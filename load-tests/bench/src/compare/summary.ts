import { median } from '../statistics.ts';
import type { ProcessKind } from './arms.ts';
import type { Sample } from './measure.ts';

/** An arm at one load: the medians of its rounds. */
export interface Summary {
  arm: string;
  /** Messages a second, open loop; 0: closed loop. */
  rate: number;
  /** Closed loop; 0: open loop. */
  inFlight: number;
  /** Rounds that it survived, of those that it was asked for. */
  survived: number;
  rounds: number;
  deliveredPerSecond: number;
  /** Milliseconds. */
  delivery: { p50: number; p99: number };
  ack: { p50: number; p99: number } | undefined;
  /** Microseconds a delivered message. */
  cpu: Partial<Record<ProcessKind, number>>;
}

/** Of every arm at every load, in the order in which they were measured. Figures are NaN where no round was survived. */
export function summarise(samples: readonly Sample[]): Summary[] {
  const groups = Map.groupBy(samples, ({ arm, rate, inFlight }) => `${arm} ${rate} ${inFlight}`);
  return [...groups.values()].map((all) => {
    const [{ arm, rate, inFlight }] = all as [Sample];
    const alive = all.map(({ outcome }) => outcome).filter(({ died }) => died === undefined);
    const of = (values: (number | undefined)[]) =>
      alive.length === 0 ? Number.NaN : median(values.map((value) => value ?? 0));
    const kinds = Object.keys(alive[0]?.cpu ?? {}) as ProcessKind[];
    return {
      arm,
      rate,
      inFlight,
      survived: alive.length,
      rounds: all.length,
      deliveredPerSecond: of(alive.map((one) => one.deliveredPerSecond)),
      delivery: { p50: of(alive.map((one) => one.delivery.p50)), p99: of(alive.map((one) => one.delivery.p99)) },
      ack: alive[0]?.ack && { p50: of(alive.map((one) => one.ack?.p50)), p99: of(alive.map((one) => one.ack?.p99)) },
      cpu: Object.fromEntries(kinds.map((kind) => [kind, of(alive.map(({ cpu }) => cpu[kind]))])),
    };
  });
}

/** Whether an arm keeps up with a rate: it delivers 97 of 100 while they are sent. */
export function holds({ rate, deliveredPerSecond }: Summary): boolean {
  return deliveredPerSecond >= rate * 0.97;
}

/** What went wrong with an arm, over all of its runs. */
export function wrongs(samples: readonly Sample[]) {
  const sum = (of: (sample: Sample) => number) => samples.reduce((total, sample) => total + of(sample), 0);
  return {
    sent: sum(({ outcome }) => outcome.sent),
    lost: sum(({ outcome }) => outcome.lost),
    refused: sum(({ outcome }) => outcome.refused),
    duplicated: sum(({ outcome }) => outcome.duplicated),
    reordered: sum(({ outcome }) => outcome.reordered),
    died: samples.filter(({ outcome }) => outcome.died !== undefined).length,
  };
}
