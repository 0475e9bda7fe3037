import {
  type LaneDepth,
  type LaneHolder,
  type QueueServer,
  readLaneDepths,
  readLaneHolders,
} from '@chat-cluster/queue';
import { type OpsPage, withDeadline } from '@chat-cluster/runtime';

/** A lane by its name, and the Redis that has it. */
export interface PlacedLane {
  lane: string;
  server: QueueServer;
}

/** A row of the page: what is in the lane and who serves it, or the reason why that can not be told. */
type Row = (LaneDepth & LaneHolder) | { lane: string; fault: string };

const DEADLINE_MS = 1_500;

/**
 * `GET /lanes` of the admin listener: all lanes of the cluster as they are now, in Redis; what batches say is not read. A
 * table of text for people, JSON (`{at, lanes: [...]}`) for who accepts it. Lanes whose Redis is away say so.
 */
export function lanesPage(lanes: readonly PlacedLane[]): OpsPage {
  return async ({ headers }, response) => {
    const rows = await readRows(lanes);
    const wantsJson = headers.accept?.includes('application/json');
    response
      .writeHead(200, {
        'content-type': wantsJson ? 'application/json' : 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
      })
      .end(wantsJson ? JSON.stringify({ at: new Date().toISOString(), lanes: rows }) : tableOf(rows, Date.now()));
  };
}

async function readRows(lanes: readonly PlacedLane[]): Promise<Row[]> {
  const byServer = Map.groupBy(lanes, ({ server }) => server);
  const rows = await Promise.all(
    [...byServer].map(async ([server, placed]): Promise<Row[]> => {
      const names = placed.map(({ lane }) => lane);
      const read = Promise.all([readLaneDepths(server, names), readLaneHolders(server, names)]);
      try {
        const [depths, holders] = await withDeadline(read, DEADLINE_MS, 'redis');
        return depths.flatMap((depth, i) => (holders[i] ? [{ ...depth, ...holders[i] }] : []));
      } catch {
        return names.map((lane) => ({ lane, fault: 'its redis does not answer' }));
      }
    }),
  );
  const all = rows.flat();
  return lanes.flatMap(({ lane }) => all.find((row) => row.lane === lane) ?? []);
}

function tableOf(rows: readonly Row[], now: number): string {
  const cells = rows.map((row) => {
    if ('fault' in row) return [row.lane, row.fault];
    const { lane, batches, oldestMs, holder, heldSince, givenUp } = row;
    const heldFor = heldSince === undefined ? '' : secondsOf(now - heldSince);
    const who = holder ?? (heldSince === undefined ? 'nobody' : 'somebody');
    return [lane, String(batches), secondsOf(oldestMs), who, heldFor, String(givenUp)];
  });
  const table = [['lane', 'batches', 'oldest', 'held by', 'for', 'given up'], ...cells];
  const widths = table.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return table
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function secondsOf(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
}
