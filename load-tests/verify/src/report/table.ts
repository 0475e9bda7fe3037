import { quantile } from '@chat-cluster/testkit';
import { countFindings, type Tally } from './tally.ts';

type Column = [title: string, value: (tally: Tally) => string | number];

const COLUMNS: Column[] = [
  ['rounds', ({ rounds }) => rounds],
  ['sent', ({ sent }) => sent],
  ['acked', ({ acked }) => acked],
  ['lost', ({ violations }) => violations.lost],
  ['dup', ({ violations }) => violations.duplicated],
  ['unexp', ({ violations }) => violations.unexpected],
  ['order', ({ violations }) => violations.outOfOrder],
  ['gaps', ({ violations }) => violations.gap],
  ['acks', ({ violations }) => violations.wrongAck],
  ['devices', ({ violations }) => violations.deviceDiffers],
  ['badges', ({ violations }) => violations.wrongBadge + violations.wrongCounter],
  ['exits', ({ violations }) => violations.unexpectedExit],
  ['unsettled', ({ violations, neverHealed }) => violations.unsettled + neverHealed],
  ['breaches', ({ breaches, failed }) => breaches + failed],
  ['stale', ({ staleDevices }) => staleDevices],
  ['heal p50', ({ healMs }) => seconds(quantile(healMs, 0.5))],
  ['worst', ({ healMs }) => seconds(quantile(healMs, 1))],
  ['verdict', (tally) => (countFindings(tally) === 0 ? 'ok' : 'WRONG')],
];

export const LEGEND = `acks: acks of one message that differ · devices: differ from the database after their last sync · badges: badges or
counters that differ from the recount · exits: no fault caused them · unsettled: not settled at the deadline · breaches: of
the fault's own expectations · stale (not an error): devices that lacked something until their last sync
heal: until every lane acknowledges and delivers again`;

/** One line per fault. Numbers are right-aligned under their titles. */
export function table(tallies: readonly Tally[]): string {
  const names = ['fault', ...tallies.map(({ fault, title }) => `${fault.padEnd(4)} ${title}`)];
  const nameWidth = Math.max(...names.map(({ length }) => length));
  const cells = tallies.map((tally) => COLUMNS.map(([, value]) => String(value(tally))));
  return aligned([COLUMNS.map(([title]) => title), ...cells])
    .map((line, i) => `${(names[i] ?? '').padEnd(nameWidth)}  ${line}`)
    .join('\n');
}

/** One line per row. The keys of the first row are the titles. */
export function rowsTable(rows: readonly Record<string, string | number>[]): string {
  const titles = Object.keys(rows[0] ?? {});
  return aligned([titles, ...rows.map((row) => titles.map((title) => String(row[title])))]).join('\n');
}

function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) => line.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '));
}

/** `-` without rounds. */
function seconds(ms: number): string {
  return Number.isNaN(ms) ? '-' : `${(ms / 1_000).toFixed(1)} s`;
}
