import { type LaneDepth, type LaneHolder, readLaneDepth, readLaneHolder } from '@chat-cluster/queue';
import { type OpsPage, withDeadline } from '@chat-cluster/runtime';
import type { PlacedLane } from '../lanes/place-lanes.ts';

/** A row of the page: the depth and the holder of a lane, or why they could not be read. */
type Row = { lane: string } & ((LaneDepth & LaneHolder) | { fault: string });

const DEADLINE_MS = 1_500;

/**
 * `GET /lanes` of the admin listener: all lanes of the cluster, as they are in Redis now; the contents of batches are
 * not read. A table of text, or JSON (`{at, lanes: [...]}`) for clients that accept it. If the Redis of a lane is away,
 * the row of the lane shows the fault.
 */
export function lanesPage(lanes: readonly PlacedLane[]): OpsPage {
  return async ({ headers }, response) => {
    const rows = await Promise.all(lanes.map(readRow));
    const wantsJson = headers.accept?.includes('application/json');
    response
      .writeHead(200, {
        'content-type': wantsJson ? 'application/json' : 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
      })
      .end(wantsJson ? JSON.stringify({ at: new Date().toISOString(), lanes: rows }) : tableOf(rows, Date.now()));
  };
}

async function readRow({ lane, server }: PlacedLane): Promise<Row> {
  const read = Promise.all([readLaneDepth(server, lane), readLaneHolder(server, lane)]);
  try {
    const [depth, holder] = await withDeadline(read, DEADLINE_MS, lane);
    return { lane, ...depth, ...holder };
  } catch {
    return { lane, fault: 'its redis does not respond' };
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
  const header = ['lane', 'batches', 'oldest', 'held by', 'for', 'given up'];
  const table = [header, ...cells];
  const widths = header.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)));
  const lines = table.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function secondsOf(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
}
