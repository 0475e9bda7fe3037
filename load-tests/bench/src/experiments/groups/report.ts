import { mediansOf } from '@chat-cluster/testkit/lean-client';
import { PROCESS_KINDS } from '../../arms/arm.ts';
import {
  type Column,
  latencyColumns,
  noErrors,
  type Report,
  table,
  type Verdict,
  verdict,
} from '../../results/report.ts';
import { countErrors, type Summary, summarise } from '../compare/summary.ts';
import type { Emits, GroupsOptions, Sample } from './measure.ts';

/** Upper bound of the badges that a user receives per second. */
const BADGES = 4;
const SERVERS = PROCESS_KINDS.filter((kind) => kind !== 'generator' && kind !== 'ejabberd');

export function reportGroups(options: GroupsOptions, samples: readonly Sample[]): Report {
  const { members, gateways, rounds, seconds, size } = options;
  const rows = summarise(samples);
  const load: Column<Pick<Sample, 'rate' | 'inFlight'>> = [
    'load',
    ({ rate, inFlight }) => (rate > 0 ? `${rate} msg/s` : `${inFlight} in flight`),
  ];
  return {
    title: 'A message to a group',
    method:
      `One group of ${members} members, each with one device, on ${gateways} gateways; the members send in turn, ` +
      `${size} characters. A message counts when all devices have received it. Ours stores it, acknowledges it after the ` +
      'commit, and sends badges to the other members; it has 1 worker and 4 lanes. A relay is a stock Socket.IO server with ' +
      'one of its Redis adapters, which emits to one room; it stores and acknowledges nothing. In turn, on new servers, ' +
      `${rounds} rounds of ${seconds} s for each load. Latency counts from the due time until the last device.`,
    figures: { options, samples },
    tables: [
      table('Throughput, and latency in ms; medians', rows, [
        'arm',
        load,
        ['messages/s', ({ deliveredPerSecond }) => deliveredPerSecond, 1],
        ['deliveries/s', ({ deliveredPerSecond }) => deliveredPerSecond * members, 0],
        ...latencyColumns('delivery', ({ delivery }: Summary) => delivery),
        ...latencyColumns('ack', ({ ack }: Summary) => ack),
      ]),
      table('CPU of a delivery, µs; the sum is without the generator; medians', rows, [
        'arm',
        load,
        ...SERVERS.map((kind): Column<Summary> => [kind, ({ cpu }) => cpu[kind] && cpu[kind] / members, 2]),
        ['sum', ({ cpu }) => sumOf(cpu) / members, 2],
        ['generator', ({ cpu }) => (cpu.generator ?? 0) / members, 2],
      ]),
      table('Ours as a multiple of a relay in the same round', ratios(samples), [
        'arm',
        load,
        'round',
        ['messages/s', ({ messages }) => messages, 2],
        ['delivery p50', ({ p50 }) => p50, 2],
        ['CPU of the gateways', (one) => one.gateways, 2],
        ['CPU of all servers', (one) => one.servers, 2],
      ]),
    ],
    charts: [],
    verdicts: verdicts(samples),
  };
}

function sumOf(cpu: Sample['outcome']['cpu']): number {
  return SERVERS.reduce((sum, kind) => sum + (cpu[kind] ?? 0), 0);
}

/** For each relay and load one row per round, then their medians. */
function ratios(samples: readonly Sample[]) {
  const relays = samples.filter(({ arm }) => arm !== 'ours');
  const groups = Map.groupBy(relays, ({ arm, rate, inFlight }) => `${arm} ${rate} ${inFlight}`);
  return [...groups.values()].flatMap((all) => {
    const rows = all.flatMap(({ arm, rate, inFlight, round, outcome: relay }) => {
      const isSame = (one: Sample) => one.round === round && one.rate === rate && one.inFlight === inFlight;
      const ours = samples.find((one) => one.arm === 'ours' && isSame(one))?.outcome;
      if (!ours) return [];
      return {
        ...{ arm, rate, inFlight, round: String(round + 1) },
        messages: ours.deliveredPerSecond / relay.deliveredPerSecond,
        p50: ours.delivery.p50 / relay.delivery.p50,
        gateways: (ours.cpu.gateways ?? 0) / (relay.cpu.gateways ?? 0),
        servers: sumOf(ours.cpu) / sumOf(relay.cpu),
      };
    });
    return [...rows, { ...mediansOf(rows), round: 'median' }];
  });
}

/** What holds for any group that has a room. */
function verdicts(samples: readonly Sample[]): Verdict[] {
  const ours = samples.filter(({ arm }) => arm === 'ours');
  const most = (field: keyof Emits) => Math.max(...ours.map(({ emits }) => emits?.[field] ?? Number.NaN));
  const [perMessage, badges] = [most('perMessage'), most('badges')];
  return [
    verdict(perMessage === 1, `${perMessage.toFixed(2)} emits of a message to the gateways (target: 1)`),
    verdict(badges <= BADGES, `${badges.toFixed(2)} badges per second and member (target: at most ${BADGES})`),
    noErrors(countErrors(ours)),
  ];
}
