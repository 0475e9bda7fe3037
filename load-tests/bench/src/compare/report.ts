import type { Report, Table } from '../experiment.ts';
import { median } from '../statistics.ts';
import type { Measured, Sample } from './measure.ts';
import type { CompareOptions } from './options.ts';

export function reportCompare(options: CompareOptions, { samples, missing }: Measured): Report {
  return {
    title: 'Arms side by side',
    method: `${options.pairs} pairs.`,
    figures: { options, missing, samples },
    tables: [throughput(samples)],
    charts: [],
    verdicts: [],
  };
}

function throughput(samples: Sample[]): Table {
  const keys = [...new Map(samples.map((one) => [`${one.arm} ${one.rate} ${one.inFlight}`, one])).values()];
  return {
    caption: 'Medians',
    columns: ['arm', 'rate', 'in flight', 'msg/s', 'p50', 'p99', 'ack p50', 'ack p99'],
    rows: keys.map(({ arm, rate, inFlight }) => {
      const own = samples.filter((one) => one.arm === arm && one.rate === rate && one.inFlight === inFlight);
      const of = (value: (outcome: Sample['outcome']) => number) => median(own.map(({ outcome }) => value(outcome)));
      return [
        arm,
        rate,
        inFlight,
        of((o) => o.deliveredPerSecond).toFixed(0),
        of((o) => o.delivery.p50).toFixed(1),
        of((o) => o.delivery.p99).toFixed(1),
        of((o) => o.ack?.p50 ?? Number.NaN).toFixed(1),
        of((o) => o.ack?.p99 ?? Number.NaN).toFixed(1),
      ];
    }),
  };
}
