import { Counter, Rate, Trend } from 'k6/metrics';
import { METRICS, type Meter } from '../lib/metrics.ts';

const KINDS = { trend: Trend, counter: Counter, rate: Rate };

/** k6's metrics by name. k6 requires that they are created before the test starts, so when this file is loaded. */
const metrics = new Map<string, Counter | Rate | Trend>(
  Object.entries(METRICS).map(([name, { kind }]) => [name, new KINDS[kind](name, kind === 'trend')]),
);

export const meter: Meter = {
  add: (name, value, tags) => metrics.get(name)?.add(value, tags),
};
