// A sudden crowd for some seconds: how does the cluster react, and does it recover?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/spike.js

import { spike } from './lib/plans.ts';
import { scenario } from './wiring/scenario.ts';

const { options, setup, run, handleSummary } = scenario(spike);

export { handleSummary, options, run as default, setup };
