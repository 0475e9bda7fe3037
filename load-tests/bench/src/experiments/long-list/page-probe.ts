import type { Page } from '@chat-cluster/testkit/browser';
import { quantile } from '@chat-cluster/testkit/lean-client';
import { sampleFrameWork } from './frame-work.ts';

/** The frames of a page. */
export interface Frames {
  count: number;
  /** Share of the frames that missed their time: more than one and a half intervals after the one before. */
  late: number;
  /** Times between two frames, in ms. A browser that keeps up shows one every 16.7 ms. */
  interval: Quantiles;
  /** CPU time of the main thread per frame, in ms, and the number of frames in which it was measured. */
  work: Quantiles & { frames: number };
}

type Quantiles = ReturnType<typeof quantiles>;

/** Movements of the list, as a reader sees them. */
export interface ListMovement {
  /** Older messages that were put before the others. */
  loaded: number;
  /** Rows in the document at the end. */
  rowsInDocument: number;
  /** Largest movement of a message between two frames, in px: by the wheel, and when older ones were put before it. */
  moved: number;
  movedByLoad: number;
  /** Largest movement against the direction of the wheel. */
  movedBack: number;
}

export type Probe = Awaited<ReturnType<typeof openProbe>>;

/** One and a half intervals of 60 frames per second, in ms. */
const LATE_MS = 25;

/** Measures the frames, the heap and the jumps of the list in a page. */
export async function openProbe(tab: Page) {
  const session = await tab.context().newCDPSession(tab);
  await session.send('Performance.enable');
  const metric = async (name: string) => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find((one) => one.name === name)?.value ?? Number.NaN;
  };
  let work: ReturnType<typeof sampleFrameWork> | undefined;
  return {
    async start() {
      await tab.evaluate(WATCH_PAGE);
      work = sampleFrameWork(session);
    },
    async stop(): Promise<ListMovement & { frames: Frames }> {
      const measured = (await work?.stop()) ?? [];
      const { frames, ...movement } = await tab.evaluate<ListMovement & { frames: number[] }>(READ_PAGE);
      const late = frames.filter((ms) => ms > LATE_MS).length / frames.length;
      const interval = quantiles(frames);
      return {
        ...movement,
        frames: { count: frames.length, late, interval, work: { frames: measured.length, ...quantiles(measured) } },
      };
    },
    /** JavaScript heap after a garbage collection, in MB. */
    async heapMb() {
      await session.send('HeapProfiler.collectGarbage');
      return (await metric('JSHeapUsedSize')) / 1e6;
    },
  };
}

/**
 * Runs in the page. At each frame it notes the time, and how far the message at the top of the view has moved on the
 * screen. Rows that are put before it change its index. `moved` is the movement in other frames, by the wheel alone.
 */
const WATCH_PAGE = `(() => {
  const view = document.querySelector('[role=log]');
  const state = { frames: [], loaded: 0, moved: 0, movedByLoad: 0, movedBack: 0 };
  const topOf = (row) => row.getBoundingClientRect().top - view.getBoundingClientRect().top;
  let last = performance.now();
  let row, top, index, request;
  const tick = (now) => {
    state.frames.push(now - last);
    last = now;
    if (row?.isConnected) {
      const by = topOf(row) - top;
      const put = Number(row.dataset.index) - index;
      if (put > 0) {
        state.loaded += put;
        state.movedByLoad = Math.max(state.movedByLoad, by);
      } else state.moved = Math.max(state.moved, by);
      state.movedBack = Math.max(state.movedBack, -by);
    }
    if (!row?.isConnected || topOf(row) > view.clientHeight / 2) {
      row = [...view.querySelectorAll('[data-index]')].find((one) => topOf(one) >= 0);
    }
    if (row) [top, index] = [topOf(row), Number(row.dataset.index)];
    request = requestAnimationFrame(tick);
  };
  request = requestAnimationFrame(tick);
  state.stop = () => cancelAnimationFrame(request);
  globalThis.probe = state;
})()`;

const READ_PAGE = `(() => {
  const { stop, ...state } = globalThis.probe;
  stop();
  return { ...state, rowsInDocument: document.querySelectorAll('[role=log] [data-index]').length };
})()`;

function quantiles(values: readonly number[]) {
  const at = (share: number) => quantile(values, share);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
