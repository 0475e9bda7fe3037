// @ts-check

// A rate that rises in steps: at which rate do latencies begin to grow?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/ramp.js

import { ramp } from './lib/plans.js';
import { scenario } from './wiring/scenario.js';

const { options, setup, run, handleSummary } = scenario(ramp);

export { handleSummary, options, setup };
export default run;
