import { barChart } from '@chat-cluster/testkit/report';
import { list, membersOfGroups, type Report, table, titleOf, verdict } from '../../results/report.ts';
import type { IdleFigures } from './measure.ts';

/** Upper bound of the memory of our connection, as a share of a stock server's. */
const TARGET = 0.75;

const FIELDS = [
  ['rss', 'resident'],
  ['rssCollected', 'resident after collection'],
  ['heapUsed', 'heap after collection'],
  ['external', 'outside the heap'],
] as const;

export function reportIdle(figures: IdleFigures): Report {
  const { connections, rounds, groups, ours, stock, ratio, cpu } = figures;
  const bars = FIELDS.slice(0, 3).flatMap(([field, name]) => [
    { name, parts: { ours: ours[field] } },
    { name, parts: { 'stock server': stock[field] } },
  ]);
  return {
    ...titleOf('What an idle connection costs', groups),
    method:
      `${connections} websockets, each of another user, on one gateway, and on a stock Socket.IO server with the same adapter, ` +
      `Node and Redis; the memory of the fresh process is subtracted. Medians of ${rounds} rounds, in turn.${membersOfGroups(groups)}`,
    figures,
    tables: [
      table('Bytes per connection', FIELDS, [
        ['memory', ([, name]) => name],
        ['ours', ([field]) => ours[field], 0],
        ['stock', ([field]) => stock[field], 0],
        ['ours / stock', ([field]) => (stock[field] === 0 ? undefined : ratio[field]), 2],
      ]),
      list('CPU at rest, heartbeats and everything else in the process, µs per second and connection', [
        ['ours', cpu.ours.toFixed(1)],
        ['stock', cpu.stock.toFixed(1)],
        ['ours / stock', (cpu.ours / cpu.stock).toFixed(2)],
      ]),
    ],
    charts: [barChart('memory', 'Memory of an idle connection', 'bytes', bars)],
    verdicts: FIELDS.slice(0, 2).map(([field, name]) => {
      const share = `${name}: ${ratio[field].toFixed(2)} of a stock server (target: at most ${TARGET})`;
      return verdict(ratio[field] <= TARGET, share);
    }),
  };
}
