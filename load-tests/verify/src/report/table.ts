import { quantile } from '@chat-cluster/testkit';
import { alignRows } from '@chat-cluster/testkit/report';
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
  ['library', ({ violations }) => violations.misdelivered + violations.unsent],
  [
    'groups',
    ({ violations: { outsideWindow, wrongMembership, overCap } }) => outsideWindow + wrongMembership + overCap,
  ],
  [
    'changes',
    ({ violations: { revGap, staleChange, deletedShown, wrongReceipt } }) =>
      revGap + staleChange + deletedShown + wrongReceipt,
  ],
  ['badges', ({ violations }) => violations.wrongBadge + violations.wrongCounter],
  ['exits', ({ violations }) => violations.unexpectedExit],
  ['unsettled', ({ violations, neverHealed }) => violations.unsettled + neverHealed],
  ['breaches', ({ breaches, failed }) => breaches + failed],
  ['stale', ({ staleDevices }) => staleDevices],
  ['heal p50', ({ healMs }) => seconds(quantile(healMs, 0.5))],
  ['worst', ({ healMs }) => seconds(quantile(healMs, 1))],
  ['verdict', (tally) => (countFindings(tally) === 0 ? 'ok' : 'WRONG')],
];

export const LEGEND = `acks: acks of one message that differ · devices: differ from the database after their last sync · library: messages that
the client library reported wrongly or did not send · groups: wrong members or windows, entries outside of them · changes:
wrong numbers, earlier states, marks that moved back · badges: badges or counters that differ from the recount · exits: no
fault caused them · unsettled: not settled at the deadline · breaches: of the fault's own expectations · stale (not an
error): devices that lacked something until their last sync
heal: until every lane acknowledges and delivers again`;

/** One line per fault. */
export function table(tallies: readonly Tally[]): string {
  const titles = ['fault', ...COLUMNS.map(([title]) => title)];
  const rows = tallies.map((tally) => [
    `${tally.fault.padEnd(4)} ${tally.title}`,
    ...COLUMNS.map(([, value]) => value(tally)),
  ]);
  return alignRows([titles, ...rows]).join('\n');
}

/** One line per row. The keys of the first row are the titles. */
export function rowsTable(rows: readonly Record<string, string | number>[]): string {
  const titles = Object.keys(rows[0] ?? {});
  return alignRows([titles, ...rows.map((row) => titles.map((title) => row[title] ?? ''))]).join('\n');
}

/** `-` without rounds. */
function seconds(ms: number): string {
  return Number.isNaN(ms) ? '-' : `${(ms / 1_000).toFixed(1)} s`;
}
