// @ts-check

import { Counter, Rate, Trend } from 'k6/metrics';
import { METRICS } from '../lib/metrics.js';

/** @import { Meter } from '../lib/metrics.js' */

const KINDS = { trend: Trend, counter: Counter, rate: Rate };

/**
 * k6's metrics by name. k6 requires that they are created before the test starts, so when this file is loaded.
 *
 * @type {Map<string, Counter | Rate | Trend>}
 */
const metrics = new Map(
  Object.entries(METRICS).map(([name, { kind }]) => [name, new KINDS[kind](name, kind === 'trend')]),
);

/** @type {Meter} */
export const meter = {
  add: (name, value, tags) => metrics.get(name)?.add(value, tags),
};
