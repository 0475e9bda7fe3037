import {
  type LaneDepth,
  type LaneHolder,
  type QueueServer,
  readLaneDepths,
  readLaneHolders,
} from '@chat-cluster/queue';
import { type OpsPage, withDeadline } from '@chat-cluster/runtime';
import type { PlacedLane } from '../lanes/place-lanes.ts';

/** A row of the page: the contents of a lane and its holder, or why they could not be read. */
type Row = (LaneDepth & LaneHolder) | { lane: string; fault: string };

const DEADLINE_MS = 1_500;

/**
 * `GET /lanes` of the admin listener: all lanes of the cluster, as they are in Redis now; the contents of batches are
 * not read. A table of text, or JSON (`{at, lanes: [...]}`) for clients that accept it. The row of a lane whose Redis
 * is away shows that.
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
  const rows = (await Promise.all([...byServer].map(([server, placed]) => readServer(server, placed)))).flat();
  return lanes.flatMap(({ lane }) => rows.find((row) => row.lane === lane) ?? []);
}

async function readServer(server: QueueServer, placed: readonly PlacedLane[]): Promise<Row[]> {
  const names = placed.map(({ lane }) => lane);
  const read = Promise.all([readLaneDepths(server, names), readLaneHolders(server, names)]);
  try {
    const [depths, holders] = await withDeadline(read, DEADLINE_MS, 'redis');
    return depths.flatMap((depth, i) => (holders[i] ? [{ ...depth, ...holders[i] }] : []));
  } catch {
    return names.map((lane) => ({ lane, fault: 'its redis does not respond' }));
  }
}

function tableOf(rows: readonly Row[], now: number): string {
  const cells = rows.map((row) => {
    if ('fault' in row) return [row.lane, row.fault];
    const { lane, batches, oldestMs, holder, heldSince, givenUp } = row;
    const heldFor = heldSince === undefined ? '' : secondsOf(now - heldSince);
    const heldBy = holder ?? (heldSince === undefined ? 'no worker' : 'unnamed');
    return [lane, String(batches), secondsOf(oldestMs), heldBy, heldFor, String(givenUp)];
  });
  const table = [['lane', 'batches', 'oldest', 'held by', 'for', 'given up'], ...cells];
  const widths = table.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  const lineOf = (row: string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return table.map((row) => `${lineOf(row)}\n`).join('');
}

function secondsOf(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
}
