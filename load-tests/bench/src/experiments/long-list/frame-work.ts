import type { CDPSession } from '@chat-cluster/testkit/browser';

/** Length of a trace, and the time from one to the next, in ms. A trace of the whole time would not fit into memory. */
const TRACE_MS = 2_000;
const EVERY_MS = 15_000;
const CATEGORIES = ['devtools.timeline', 'disabled-by-default-devtools.timeline'];

/** Event of a trace. Times in µs; `tdur` is the CPU time of the thread. */
export interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  ts: number;
  dur?: number;
  tdur?: number;
}

/**
 * Samples the CPU time of the main thread per frame, in ms: scripts, styles, layout and painting since the frame before. Other
 * processes do not add to it, unlike to the time between two frames. A task that contains an animation frame ends the frame,
 * so the page must have requested one for each frame.
 */
export function sampleFrameWork(session: CDPSession): { stop(): Promise<number[]> } {
  const ended = new AbortController();
  const sampling = (async () => {
    const frames: number[] = [];
    while (!ended.signal.aborted) {
      frames.push(...workOf(await trace(session)));
      await pause(EVERY_MS - TRACE_MS, ended.signal);
    }
    return frames;
  })();
  return {
    stop() {
      ended.abort();
      return sampling;
    },
  };
}

async function trace(session: CDPSession): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  const collect = ({ value }: { value: object[] }) => void events.push(...(value as TraceEvent[]));
  session.on('Tracing.dataCollected', collect);
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: CATEGORIES, excludedCategories: ['*'] },
  });
  await pause(TRACE_MS);
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await complete;
  session.off('Tracing.dataCollected', collect);
  return events;
}

/** The work of the frames in a trace, without the first one, within which the trace begins. */
export function workOf(events: readonly TraceEvent[]): number[] {
  const drawn = events.filter(({ name }) => name === 'FireAnimationFrame');
  // Only the page in front has frames.
  const [page] = drawn;
  const starts = drawn.map(({ ts }) => ts).sort((a, b) => a - b);
  const tasks = events
    .filter(({ name, pid, tid }) => name === 'RunTask' && pid === page?.pid && tid === page.tid)
    .sort((a, b) => a.ts - b.ts);
  const frames: number[] = [];
  let work = 0;
  let next = 0;
  for (const { ts, dur = 0, tdur = 0 } of tasks) {
    work += tdur / 1_000;
    while (next < starts.length && (starts[next] as number) < ts) next++;
    if (next >= starts.length || (starts[next] as number) >= ts + dur) continue;
    frames.push(work);
    work = 0;
  }
  return frames.slice(1);
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
