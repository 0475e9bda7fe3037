// @ts-check

// Many users write to one: what does that one bear?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/big-fan-in.js

import { bigFanIn } from './lib/plans.js';
import { scenario } from './wiring/scenario.js';

const { options, setup, run, handleSummary } = scenario(bigFanIn);

export { handleSummary, options, setup };
export default run;
