// @ts-check

// A sudden crowd for some seconds: how does the cluster react, and does it recover?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/spike.js

import { spike } from './lib/plans.js';
import { scenario } from './wiring/scenario.js';

const { options, setup, run, handleSummary } = scenario(spike);

export { handleSummary, options, setup };
export default run;
