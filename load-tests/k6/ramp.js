// A rate that rises in steps: at which rate do latencies begin to grow?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/ramp.js

import { ramp } from './lib/plans.ts';
import { scenario } from './wiring/scenario.ts';

const { options, setup, run, handleSummary } = scenario(ramp);

export { handleSummary, options, run as default, setup };
