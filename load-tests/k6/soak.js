// A low rate for hours, with connections that are cut: does anything grow, drift or get lost?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/soak.js

import { soak } from './lib/plans.ts';
import { scenario } from './wiring/scenario.ts';

const { options, setup, run, handleSummary } = scenario(soak);

export { handleSummary, options, run as default, setup };
