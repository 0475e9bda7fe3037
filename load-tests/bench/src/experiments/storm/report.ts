import { barChart } from '@chat-cluster/testkit/report';
import {
  latencyColumns,
  list,
  membersOfGroups,
  type Report,
  table,
  titleOf,
  type Verdict,
  verdict,
} from '../../results/report.ts';
import type { StormFigures } from './measure.ts';

/** Upper bounds in ms: until all clients are back in sync, and the 99th percentile of the bystanders meanwhile. */
const TARGETS = { inSync: 8_000, bystanders: 1_000 };

export function reportStorm(figures: StormFigures): Report {
  const { clients, groups, inSync, attempts, refused, sentToCrowd, lost, duplicates, wrongBadges, extraSyncs } =
    figures;
  const synced = [inSync.p50, inSync.p99, inSync.max].map((value) => `${value.toFixed(0)} ms`);
  const phases = Object.entries(figures.bystanders);
  const bars = phases.map(([phase, { delivery }]) => {
    return { name: `${phase} the storm`, parts: { 'delivery p99': delivery.p99 } };
  });
  return {
    ...titleOf('A storm of reconnects', groups),
    method:
      `One of two gateways with ${clients} clients is killed with SIGKILL; they connect to the other one with the back-off of ` +
      'stock clients. In sync means: connected, session and badge received, `sync` answered. Bystanders on the other gateway ' +
      'send messages all the time, to each other and to those clients.' +
      membersOfGroups(groups),
    figures,
    tables: [
      list('From the kill on', [
        ['clients in sync, p50 / p99 / all', synced.join(' / ')],
        ['connection attempts / refused', `${attempts} / ${refused}`],
        ['messages to them / lost / received twice', `${sentToCrowd} / ${lost} / ${duplicates}`],
        ['wrong badges', wrongBadges],
        ['additional syncs', extraSyncs],
        ['not acknowledged to bystanders', join(figures.notAcknowledged, (code, count) => `${count} ${code}`) || 0],
        ['CPU, seconds', join(figures.cpuSeconds, (name, seconds) => `${name} ${seconds.toFixed(2)}`)],
        ['maximum memory of the gateway', `${figures.rssPeakMb.toFixed(0)} MB`],
        ['maximum of its Postgres connections', figures.postgresConnections],
        ['Redis channels that it subscribes to', figures.channels],
      ]),
      table('Latency of the bystanders, ms', phases, [
        ['phase', ([phase]) => phase],
        ['messages', ([, { messages }]) => messages],
        ...latencyColumns('ack', ([, { ack }]: (typeof phases)[number]) => ack, ['p50', 'p99', 'max']),
        ...latencyColumns('delivery', ([, { delivery }]: (typeof phases)[number]) => delivery, ['p50', 'p99', 'max']),
      ]),
    ],
    charts: [barChart('bystanders', 'Delivery to bystanders, 99th percentile', 'ms', bars)],
    verdicts: verdicts(figures),
  };
}

function join(values: Record<string, number>, describe: (name: string, value: number) => string): string {
  return Object.entries(values)
    .map(([name, value]) => describe(name, value))
    .join(', ');
}

function verdicts({ inSync, bystanders, lost, wrongBadges, duplicates, reordered }: StormFigures): Verdict[] {
  const errors = lost + duplicates + wrongBadges;
  const slowest = Math.max(bystanders.during.ack.p99, bystanders.during.delivery.p99);
  return [
    verdict(
      inSync.max <= TARGETS.inSync,
      `all clients in sync ${(inSync.max / 1_000).toFixed(1)} s after the kill (target: ${TARGETS.inSync / 1_000} s)`,
    ),
    verdict(
      slowest <= TARGETS.bystanders,
      `p99 of the bystanders meanwhile: ${slowest.toFixed(0)} ms (target: ${TARGETS.bystanders} ms)`,
    ),
    verdict(errors === 0, `${lost} messages lost, ${duplicates} received twice, ${wrongBadges} wrong badges`),
    ...(reordered > 0 ? [verdict(false, `${reordered} messages to bystanders out of order`)] : []),
  ];
}
