// @ts-check

// A sudden crowd for some seconds: what does it do, and is everything as before when it is gone?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/spike.js

import { spike } from './lib/plans.js';
import { scenario } from './wiring/scenario.js';

const { options, setup, run, handleSummary } = scenario(spike);

export { handleSummary, options, setup };
export default run;
