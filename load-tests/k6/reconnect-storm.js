// All connections are lost at once: how long until all devices are back, and is anything lost?
// JWT_SECRET="$(cat .local/data/jwt-secret)" k6 run load-tests/k6/reconnect-storm.js

import { reconnectStorm } from './lib/plans.ts';
import { scenario } from './wiring/scenario.ts';

const { options, setup, run, handleSummary } = scenario(reconnectStorm);

export { handleSummary, options, run as default, setup };
