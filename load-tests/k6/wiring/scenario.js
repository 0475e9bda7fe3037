// @ts-check

import exec from 'k6/execution';
import { partOf, vuCount, wantedConversations } from '../lib/population.js';
import { readSettings } from '../lib/settings.js';
import { metricsOf, summaryJson, summaryText } from '../lib/summary.js';
import { longestSeconds, TREND_STATS, thresholds } from '../lib/thresholds.js';
import { tokenMaker } from '../lib/token.js';
import { runTraffic } from '../lib/traffic.js';
import { meter } from './meter.js';
import { openConversations } from './open-conversations.js';
import { openSocket } from './websocket.js';

/** @import { Options } from 'k6/options' */
/** @import { Plan } from '../lib/plans.js' */
/** @import { World } from '../lib/population.js' */

/**
 * What a k6 script exports, of a plan. Each VU runs its part of the traffic in one iteration, with all its sockets on one
 * event loop; k6 ends the iteration when the last of them is closed.
 */
export function scenario(/** @type {Plan} */ plan) {
  const settings = readSettings(__ENV, plan.defaults);

  /** @type {Options} */
  const options = {
    scenarios: {
      [plan.name]: {
        executor: 'per-vu-iterations',
        vus: vuCount(plan, settings),
        iterations: 1,
        maxDuration: `${longestSeconds(plan, settings)}s`,
        gracefulStop: '10s',
      },
    },
    thresholds: thresholds(plan, settings),
    summaryTrendStats: TREND_STATS,
    setupTimeout: '10m',
  };

  /** Makes the conversations. @returns {Promise<World>} */
  const setup = async () => {
    const runId = `k6-${Date.now().toString(36)}`;
    const wanted = wantedConversations(plan, settings, runId);
    const conversationIds = await openConversations(
      settings.urls[0] || '',
      wanted,
      await tokenMaker(tokenOptions(settings)),
    );
    return { runId, startedAt: Date.now(), conversationIds };
  };

  const run = async (/** @type {World} */ world) => {
    const part = partOf(plan, settings, world, exec.vu.idInTest - 1);
    const tokenOf = await tokenMaker(tokenOptions(settings));
    await runTraffic({ plan, settings, part, meter, openSocket, tokenOf });
  };

  const handleSummary = (/** @type {unknown} */ data) => {
    const metrics = metricsOf(data);
    /** @type {Record<string, string>} */
    const outputs = { stdout: summaryText(plan, settings, metrics) };
    if (settings.summary !== 'none')
      outputs[settings.summary || `k6-${plan.name}.json`] = summaryJson(plan, settings, metrics);
    return outputs;
  };

  return { options, setup, run, handleSummary };
}

/** @param {import('../lib/settings.js').Settings} settings */
function tokenOptions({ jwtSecret, userClaim, issuer, audience }) {
  return { secret: jwtSecret, userClaim, issuer, audience };
}
