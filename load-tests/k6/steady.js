// A constant rate: does the cluster handle it?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/steady.js

import { steady } from './lib/plans.ts';
import { scenario } from './wiring/scenario.ts';

const { options, setup, run, handleSummary } = scenario(steady);

export { handleSummary, options, run as default, setup };
