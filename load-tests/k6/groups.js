// Messages in groups: does every member receive each of them, and how fast?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/groups.js

import { groups } from './lib/plans.ts';
import { scenario } from './wiring/scenario.ts';

const { options, setup, run, handleSummary } = scenario(groups);

export { handleSummary, options, run as default, setup };
