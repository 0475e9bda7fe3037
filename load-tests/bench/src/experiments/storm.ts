import { stopPrivateServers } from '@chat-cluster/testkit';
import type { Experiment, Report, Table, Verdict } from '../experiment.ts';
import { readNumbers } from '../options.ts';
import type { BarChart } from '../results/chart.ts';
import { runStorm, type StormFigures } from '../storm/storm.ts';

/** All clients back and in sync, and the 99th percentile of what bystanders notice meanwhile; milliseconds. */
const TARGETS = { inSync: 8_000, bystanders: 1_000 };

const HELP = `npm run bench -- storm [options]

A gateway is killed, and all of its clients come to the other one at once, while bystanders talk there.

  --clients N   of the gateway that is killed (5000)
  --pairs N     pairs of bystanders (25), who send --rate N messages a second among each other and to those clients (50)
  --calm N      seconds of talk before the kill, and after all are back (4)
  --save        write load-tests/results
`;

export const storm: Experiment = {
  name: 'storm',
  about: 'a gateway is killed and all of its clients come back at once',
  help: HELP,
  async run(args, log) {
    const { clients, pairs, rate, calm } = readNumbers(args, { clients: 5_000, pairs: 25, rate: 50, calm: 4 }, 1);
    try {
      return reportStorm(await runStorm({ clients, pairs, perSecond: rate, calmSeconds: calm, env: {}, log }));
    } finally {
      await stopPrivateServers();
    }
  },
};

function reportStorm(figures: StormFigures): Report {
  return {
    title: 'A storm of reconnects',
    method:
      `One of two gateways with ${figures.clients} clients is killed with -9; they come to the other with the back-off ` +
      'of stock clients. In sync means: connected, session and badge heard, `sync` answered. Bystanders on the other ' +
      'gateway talk all the while, also to those clients.',
    figures,
    tables: [overview(figures), bystanders(figures)],
    charts: [chart(figures)],
    verdicts: verdicts(figures),
  };
}

function overview(figures: StormFigures): Table {
  const { inSync, attempts, refused, sentToCrowd, lost, duplicates, wrongBadges, extraSyncs } = figures;
  const cpu = Object.entries(figures.cpuSeconds).map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`);
  return {
    caption: 'From the kill on',
    columns: ['what', 'figure'],
    rows: [
      [
        'clients in sync, p50 / p99 / all',
        [inSync.p50, inSync.p99, inSync.max].map((ms) => `${ms.toFixed(0)} ms`).join(' / '),
      ],
      ['connection attempts / refused', `${attempts} / ${refused}`],
      ['messages to them / lost / heard twice', `${sentToCrowd} / ${lost} / ${duplicates}`],
      ['wrong badges', wrongBadges],
      ['further syncs asked for', extraSyncs],
      [
        'not acknowledged to bystanders',
        Object.entries(figures.notAcknowledged)
          .map(([code, n]) => `${n} ${code}`)
          .join(', ') || 0,
      ],
      ['CPU, seconds', cpu.join(', ')],
      ['gateway at most', `${figures.rssPeakMb.toFixed(0)} MB`],
      ['Postgres connections at most', figures.postgresConnections],
    ],
  };
}

function bystanders(figures: StormFigures): Table {
  return {
    caption: 'What bystanders notice, ms',
    columns: ['phase', 'messages', 'ack p50', 'p99', 'max', 'delivery p50', 'p99', 'max'],
    rows: Object.entries(figures.bystanders).map(([phase, { messages, ack, delivery }]) => [
      phase,
      messages,
      ...[ack.p50, ack.p99, ack.max, delivery.p50, delivery.p99, delivery.max].map((ms) => ms.toFixed(1)),
    ]),
  };
}

function chart({ bystanders: phases }: StormFigures): BarChart {
  return {
    kind: 'bars',
    name: 'bystanders',
    title: 'Delivery to bystanders, 99th percentile',
    y: 'ms',
    groups: Object.entries(phases).map(([phase, { delivery }]) => ({
      name: `${phase} the storm`,
      parts: [{ name: 'delivery p99', value: delivery.p99 }],
    })),
  };
}

function verdicts({ inSync, bystanders: { during }, lost, wrongBadges, duplicates }: StormFigures): Verdict[] {
  const slowest = Math.max(during.ack.p99, during.delivery.p99);
  return [
    {
      text: `all clients in sync ${(inSync.max / 1_000).toFixed(1)} s after the kill (target: ${TARGETS.inSync / 1_000} s)`,
      ok: inSync.max <= TARGETS.inSync,
    },
    {
      text: `bystanders' p99 meanwhile: ${slowest.toFixed(0)} ms (target: ${TARGETS.bystanders} ms)`,
      ok: slowest <= TARGETS.bystanders,
    },
    {
      text: `${lost} messages lost, ${duplicates} heard twice, ${wrongBadges} wrong badges`,
      ok: lost + duplicates + wrongBadges === 0,
    },
  ];
}
