// How much can one user receive when many write at once?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/big-fan-in.js

import { bigFanIn } from './lib/plans.ts';
import { scenario } from './wiring/scenario.ts';

const { options, setup, run, handleSummary } = scenario(bigFanIn);

export { handleSummary, options, run as default, setup };
