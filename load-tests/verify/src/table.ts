import { type Tally, wrongs } from './tally.ts';

type Column = [title: string, value: (tally: Tally) => string | number];

const COLUMNS: Column[] = [
  ['rounds', ({ rounds }) => rounds],
  ['sent', ({ sent }) => sent],
  ['acked', ({ acked }) => acked],
  ['lost', ({ found }) => found.lost],
  ['dup', ({ found }) => found.duplicated],
  ['unexp', ({ found }) => found.unexpected],
  ['order', ({ found }) => found.outOfOrder],
  ['gaps', ({ found }) => found.gap],
  ['acks', ({ found }) => found.wrongAck],
  ['devices', ({ found }) => found.deviceDiffers],
  ['badges', ({ found }) => found.wrongBadge + found.wrongCounter],
  ['exits', ({ found }) => found.unexpectedExit],
  ['unrest', ({ found, neverHealed }) => found.unsettled + neverHealed],
  ['rules', ({ breaches, failed }) => breaches + failed],
  ['stale', ({ staleDevices }) => staleDevices],
  ['heal p50', ({ healMs }) => seconds(middle(healMs))],
  ['worst', ({ healMs }) => seconds(healMs.length > 0 ? Math.max(...healMs) : undefined)],
  ['verdict', (tally) => (wrongs(tally) === 0 ? 'ok' : 'WRONG')],
];

/** One line per fault, numbers right under their titles. */
export function table(tallies: readonly Tally[]): string {
  const names = tallies.map(({ fault, title }) => `${fault.padEnd(4)} ${title}`);
  const nameWidth = Math.max(5, ...names.map(({ length }) => length));
  const cells = tallies.map((tally) => COLUMNS.map(([, value]) => String(value(tally))));
  const titles = COLUMNS.map(([title]) => title);
  const firsts = ['fault', ...names];
  return aligned([titles, ...cells])
    .map((line, i) => `${(firsts[i] ?? '').padEnd(nameWidth)}  ${line}`)
    .join('\n');
}

/** One line per row, with the keys of the first as titles. */
export function rowsTable(rows: readonly Record<string, string | number>[]): string {
  const titles = Object.keys(rows[0] ?? {});
  return aligned([titles, ...rows.map((row) => titles.map((title) => String(row[title])))]).join('\n');
}

function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) => line.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '));
}

export const LEGEND = `acks: acks of one message that differ · devices: differ from the database after their last sync · badges: or counters
that are not the recount · exits: no fault wanted them · unrest: not at rest at the deadline · rules: of the fault itself
stale (no error): devices that lacked something until their last sync · heal: until every lane acknowledges and delivers`;

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`;
}

function middle(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
