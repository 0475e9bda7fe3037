import { stopPrivateServers } from '@chat-cluster/testkit';
import type { Experiment, Report } from '../experiment.ts';
import { type IdleFigures, measureIdle } from '../idle/idle.ts';
import { readNumbers } from '../options.ts';

/** What a connection of ours may weigh at most, of what a stock server's does. */
const TARGET = 0.75;

const HELP = `npm run bench -- idle [options]

What an idle connection weighs in the memory of a gateway, and its heartbeats in CPU, beside a stock Socket.IO server with the same adapter.

  --connections N   (5000)
  --rounds N        of each, in turns (3)
  --rest N          seconds of rest in the last round, for the CPU of heartbeats (50)
  --save            write load-tests/results
`;

export const idle: Experiment = {
  name: 'idle',
  about: 'what an idle connection weighs, beside a stock Socket.IO server',
  help: HELP,
  async run(args, log) {
    const { rest, ...options } = readNumbers(args, { connections: 5_000, rounds: 3, rest: 50 }, 1);
    try {
      return reportIdle(await measureIdle({ ...options, restSeconds: rest, log }));
    } finally {
      await stopPrivateServers();
    }
  },
};

const FIELDS = [
  ['rss', 'resident'],
  ['rssCollected', 'resident after collection'],
  ['heapUsed', 'heap after collection'],
  ['external', 'outside the heap'],
] as const;

function reportIdle(figures: IdleFigures): Report {
  const { connections, rounds, ours, stock, ratio } = figures;
  return {
    title: 'What an idle connection weighs',
    method:
      `${connections} websockets of as many users on one gateway, and on a stock Socket.IO server with the same adapter, ` +
      `Node and Redis; the memory of the fresh process is taken off. Medians of ${rounds} rounds, in turns.`,
    figures,
    tables: [
      {
        caption: 'Bytes a connection',
        columns: ['memory', 'ours', 'stock', 'ours / stock'],
        rows: FIELDS.map(([field, name]) => [
          name,
          ours[field].toFixed(0),
          stock[field].toFixed(0),
          stock[field] === 0 ? '–' : ratio[field].toFixed(2),
        ]),
      },
      {
        caption: 'CPU at rest, heartbeats and all else the process does, µs a second and connection',
        columns: ['', 'ours', 'stock', 'ours / stock'],
        rows: [
          [
            'CPU',
            figures.cpu.ours.toFixed(1),
            figures.cpu.stock.toFixed(1),
            (figures.cpu.ours / figures.cpu.stock).toFixed(2),
          ],
        ],
      },
    ],
    charts: [
      {
        kind: 'bars',
        name: 'memory',
        title: 'Memory of an idle connection',
        y: 'bytes',
        groups: FIELDS.slice(0, 3).flatMap(([field, name]) => [
          { name, parts: [{ name: 'ours', value: ours[field] }] },
          { name, parts: [{ name: 'stock server', value: stock[field] }] },
        ]),
      },
    ],
    verdicts: (['rss', 'rssCollected'] as const).map((field) => ({
      text: `${field === 'rss' ? 'resident' : 'resident after collection'}: ${ratio[field].toFixed(2)} of a stock server (target: at most ${TARGET})`,
      ok: ratio[field] <= TARGET,
    })),
  };
}
