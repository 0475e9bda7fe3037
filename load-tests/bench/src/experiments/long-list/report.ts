import { type Report, table, verdict } from '../../results/report.ts';
import type { LongListOptions, Phase } from './measure.ts';

/** Work of the main thread for which a frame of 60 per second has time, in ms. */
const WORK_MS = 16;
/** Growth of the heap that counts as none, in MB: the caches of the engine hold as much. */
const FLAT_MB = 3;
/** Movement against the wheel that a reader does not notice, in px. */
const UNNOTICED_PX = 2;

export function reportLongList({ messages, rate, minutes }: LongListOptions, phases: Phase[]): Report {
  return {
    title: 'The long list of the chat page',
    method:
      `The built page in Chromium without a GPU, served by a real cluster on the same machine. One conversation has ` +
      `${messages.toLocaleString('en')} stored messages of 1 to 12 lines, every 40th with an image. The reader stays at its end for ` +
      `${minutes} min, then scrolls up by 6,000 px per second for ${minutes} min; ${rate} messages per second arrive in both. ` +
      'The client keeps 500 messages at most, near to where the reader is. The frame time is the CPU time of the main thread per ' +
      'frame (scripts, styles, layout, painting), from traces of 2 s every 15 s: the time between two frames is 16.7 ms for an ' +
      'idle page too, and on a busy machine it shows the other processes. A frame is late when it comes more than 25 ms after the ' +
      'one before. The heap is read after a garbage collection. The load average is that of the last minute of a phase.',
    figures: { messages, rate, minutes, phases },
    tables: [
      table('Frames, ms', phases, [
        ['phase', ({ name }) => name],
        ['frames', ({ frames }) => frames.count],
        ['work p50', ({ frames }) => frames.work.p50, 1],
        ['p95', ({ frames }) => frames.work.p95, 1],
        ['p99', ({ frames }) => frames.work.p99, 1],
        ['max', ({ frames }) => frames.work.max, 0],
        ['interval p95', ({ frames }) => frames.interval.p95, 1],
        ['max', ({ frames }) => frames.interval.max, 0],
        ['late, %', ({ frames }) => frames.late * 100, 2],
        ['load average', ({ load }) => load, 1],
      ]),
      table('List and memory', phases, [
        ['phase', ({ name }) => name],
        ['arrived', ({ arrived }) => arrived],
        ['loaded', ({ loaded }) => loaded],
        ['rows in the document', ({ rowsInDocument }) => rowsInDocument],
        ['moved by the wheel, px', ({ moved }) => moved, 0],
        ['when older ones were put before, px', ({ movedByLoad }) => movedByLoad, 0],
        ['against the wheel, px', ({ movedBack }) => movedBack, 0],
        ['heap before, MB', ({ heapBefore }) => heapBefore, 1],
        ['after', ({ heapAfter }) => heapAfter, 1],
      ]),
    ],
    charts: [],
    verdicts: phases.flatMap(({ name, frames, heapBefore, heapAfter, movedBack }) => [
      verdict(frames.work.p95 < WORK_MS, `${name}: 95 % of the frames need at most ${frames.work.p95.toFixed(1)} ms`),
      verdict(
        heapAfter - heapBefore < FLAT_MB,
        `${name}: the heap changed by ${(heapAfter - heapBefore).toFixed(1)} MB`,
      ),
      ...(name === 'at the end'
        ? []
        : [
            verdict(
              movedBack <= UNNOTICED_PX,
              `${name}: nothing on the screen jumped by more than ${movedBack.toFixed(0)} px`,
            ),
          ]),
    ]),
  };
}
