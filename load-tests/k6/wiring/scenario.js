// @ts-check

import exec from 'k6/execution';
import { conversationSpecs, partOf, vuCount } from '../lib/population.js';
import { readSettings } from '../lib/settings.js';
import { metricsOf, summaryJson, summaryText } from '../lib/summary.js';
import { longestSeconds, TREND_STATS, thresholds } from '../lib/thresholds.js';
import { tokenMaker } from '../lib/token.js';
import { runVuTraffic } from '../lib/vu-traffic.js';
import { meter } from './meter.js';
import { openConversations } from './open-conversations.js';
import { openSocket } from './websocket.js';

/** @import { Options } from 'k6/options' */
/** @import { Plan } from '../lib/plans.js' */
/** @import { SetupData } from '../lib/population.js' */

/**
 * The exports of a k6 script for a plan. Each VU runs its part of the traffic in one iteration, with all its sockets on
 * one event loop. The iteration ends when the last socket is closed.
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

  /** Opens the conversations. @returns {Promise<SetupData>} */
  const setup = async () => {
    const runId = `k6-${Date.now().toString(36)}`;
    const specs = conversationSpecs(plan, settings, runId);
    const tokenOf = await tokenMaker(tokenOptions(settings));
    const conversationIds = await openConversations(settings.urls[0] || '', specs, tokenOf);
    return { runId, startedAt: Date.now(), conversationIds };
  };

  const run = async (/** @type {SetupData} */ setupData) => {
    const part = partOf(plan, settings, setupData, exec.vu.idInTest - 1);
    const tokenOf = await tokenMaker(tokenOptions(settings));
    await runVuTraffic({ plan, settings, part, meter, openSocket, tokenOf });
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
