// @ts-check

// How much can one user receive when many write at once?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/big-fan-in.js

import { bigFanIn } from './lib/plans.js';
import { scenario } from './wiring/scenario.js';

const { options, setup, run, handleSummary } = scenario(bigFanIn);

export { handleSummary, options, setup };
export default run;
