import exec from 'k6/execution';
import type { Options } from 'k6/options';
import type { Plan } from '../lib/plans.ts';
import { conversationSpecs, partOf, type SetupData, vuCount } from '../lib/population.ts';
import { readSettings } from '../lib/settings.ts';
import { metricsOf, summaryJson, summaryText } from '../lib/summary.ts';
import { longestSeconds, TREND_STATS, thresholds } from '../lib/thresholds.ts';
import { tokenMaker } from '../lib/token.ts';
import { runVuTraffic } from '../lib/vu-traffic.ts';
import { meter } from './meter.ts';
import { openConversations } from './open-conversations.ts';
import { openSocket } from './websocket.ts';

/**
 * The exports of a k6 script for a plan. Each VU runs its part of the traffic in one iteration, with all its sockets on
 * one event loop. The iteration ends when the last socket is closed.
 */
export function scenario(plan: Plan) {
  const settings = readSettings(__ENV, plan.defaults);

  const options: Options = {
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

  /** Opens the conversations. */
  const setup = async (): Promise<SetupData> => {
    const runId = `k6-${Date.now().toString(36)}`;
    const specs = conversationSpecs(plan, settings, runId);
    const tokenOf = await tokenMaker(settings);
    const conversationIds = await openConversations(settings.URL[0] || '', specs, tokenOf);
    return { runId, startedAt: Date.now(), conversationIds };
  };

  const run = async (setupData: SetupData) => {
    const part = partOf(plan, settings, setupData, exec.vu.idInTest - 1);
    const tokenOf = await tokenMaker(settings);
    await runVuTraffic({ plan, settings, part, meter, openSocket, tokenOf });
  };

  const handleSummary = (data: unknown) => {
    const metrics = metricsOf(data);
    const outputs: Record<string, string> = { stdout: summaryText(plan, settings, metrics) };
    if (settings.SUMMARY !== 'none')
      outputs[settings.SUMMARY || `k6-${plan.name}.json`] = summaryJson(plan, settings, metrics);
    return outputs;
  };

  return { options, setup, run, handleSummary };
}
