import type { ClusterOverview, LocalProcess } from '@chat-cluster/contracts';
import { create } from 'zustand';
import { type ClusterSource, findSource } from './cluster-source.ts';
import { type PullLoop, startPullLoop } from './pull-loop.ts';
import { recordOverview } from './record-overview.ts';
import { describeFailure } from './request-json.ts';
import { Samples } from './samples.ts';

/** Time from one pull to the next, in ms: that between two snapshots of a process. */
const PULL_MS = 2_000;
/** Time limit for a pull, in ms. */
const DEADLINE_MS = 5_000;
/** Time limit to find the source again, in ms. The rest of the deadline is for the figures. */
const FIND_MS = 1_500;
/** The longest pause while the server does not answer, in ms. */
const MAX_PAUSE_MS = 15_000;
/** Time span of the charts, in ms. */
export const CHART_MS = 15 * 60_000;
/** Time between two rows from which the charts show a gap, in ms: more than one lost pull. */
const GAP_MS = 3 * PULL_MS + 500;
/** Most series: enough for every figure of the page and every error code of the protocol. */
const MAX_SERIES = 64;

export interface ClusterState {
  source?: ClusterSource;
  overview?: ClusterOverview;
  processes?: readonly LocalProcess[];
  /** Time of the last answer, by the clock of this browser, in ms since 1970. */
  answeredAt?: number;
  /** Time of the first failure after it, by the same clock. */
  failingSince?: number;
  failure?: string;
}

export const useCluster = create<ClusterState>(() => ({}));

/** 15 minutes at one row per pull; rows that mark a gap need a few more. */
export const samples = new Samples({
  capacity: Math.ceil(CHART_MS / PULL_MS) + 50,
  gapMs: GAP_MS,
  maxSeries: MAX_SERIES,
});

let loop: PullLoop | undefined;

/** Pulls until the returned function is called. */
export function startPulling(): () => void {
  loop = startPullLoop({
    pull,
    onResult: ({ source, overview, processes }) => {
      recordOverview(samples, overview);
      useCluster.setState({ source, overview, answeredAt: Date.now(), ...(processes && { processes }) }, true);
    },
    onFailure: (reason) =>
      useCluster.setState(({ failingSince }) => ({
        failingSince: failingSince ?? Date.now(),
        failure: describeFailure(reason),
      })),
    visibility: {
      visible: () => document.visibilityState === 'visible',
      onChange: (listener) => {
        document.addEventListener('visibilitychange', listener);
        return () => document.removeEventListener('visibilitychange', listener);
      },
    },
    intervalMs: PULL_MS,
    deadlineMs: DEADLINE_MS,
    maxPauseMs: MAX_PAUSE_MS,
  });
  return loop.stop;
}

/** Pulls at once: after an action, its effect is then on the page. */
export function pullNow(): void {
  loop?.now();
}

async function pull(signal: AbortSignal) {
  const source = await currentSource(signal);
  const overview = await source.overview(signal);
  const processes = await source.local?.processes(signal);
  return { source, overview, ...(processes && { processes }) };
}

/**
 * After a failure in local mode the source is found anew: `npm start` has another port and token after a restart. When
 * the gateway does not answer, because it is paused for example, the known one is tried again.
 */
async function currentSource(signal: AbortSignal): Promise<ClusterSource> {
  const { source: known, failure } = useCluster.getState();
  if (!known) return findSource(signal);
  if (failure === undefined || !known.local) return known;
  const found = await findSource(AbortSignal.any([signal, AbortSignal.timeout(FIND_MS)])).catch(() => known);
  // Lookups keep their results as long as the source is the same object.
  return found.key === known.key ? known : found;
}
