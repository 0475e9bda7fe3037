import type { Verdict } from '../experiment.ts';
import type { Sample } from './measure.ts';
import { type Summary, summarise, wrongs } from './summary.ts';

/** At so many in flight; of the relay's best at any number. */
const THROUGHPUT_AT = 1_000;
const THROUGHPUT = [
  { arm: 'jobs', least: 8 },
  { arm: 'inline', least: 5 },
  { arm: 'ejabberd', least: 4 },
];
const OF_RELAY = 0.8;
/** At so many messages a second: p50 at most so many times the relay's, p99 at most inline's. */
const LATENCY_AT = 500;
const P50_OF_RELAY = 3;

/** Those of the targets for which the arms and loads were measured. */
export function verdicts(samples: readonly Sample[]): Verdict[] {
  const all = summarise(samples);
  const at = (arm: string, load: { rate?: number; inFlight?: number }) =>
    all.find((one) => one.arm === arm && one.rate === (load.rate ?? 0) && one.inFlight === (load.inFlight ?? 0));
  const ours = at('ours', { inFlight: THROUGHPUT_AT });
  const slow = at('ours', { rate: LATENCY_AT });
  return [
    ...THROUGHPUT.flatMap(({ arm, least }) => faster(ours, at(arm, { inFlight: THROUGHPUT_AT }), arm, least)),
    ...faster(ours, bestOf(all, 'relay'), "the relay's best", OF_RELAY),
    ...median(slow, at('relay', { rate: LATENCY_AT })),
    ...tail(slow, at('inline', { rate: LATENCY_AT })),
    ...right(samples),
  ];
}

function bestOf(all: readonly Summary[], arm: string): Summary | undefined {
  const closed = all.filter((one) => one.arm === arm && one.inFlight > 0 && one.survived > 0);
  return closed.toSorted((a, b) => b.deliveredPerSecond - a.deliveredPerSecond)[0];
}

function faster(ours: Summary | undefined, theirs: Summary | undefined, name: string, least: number): Verdict[] {
  if (!ours || !theirs) return [];
  const at = `${ours.inFlight} in flight: ${ours.deliveredPerSecond.toFixed(0)} msg/s`;
  if (theirs.survived === 0) return [{ text: `${at}; ${name} did not survive`, ok: ours.survived > 0 }];
  const ratio = ours.deliveredPerSecond / theirs.deliveredPerSecond;
  const where = theirs.inFlight === ours.inFlight ? '' : ` at ${theirs.inFlight} in flight`;
  return [
    {
      text: `${at}, ${ratio.toFixed(2)} × ${name}${where}, ${theirs.deliveredPerSecond.toFixed(0)} msg/s (target: at least ${least} ×)`,
      ok: ratio >= least,
    },
  ];
}

function median(ours: Summary | undefined, relay: Summary | undefined): Verdict[] {
  if (!ours || !relay) return [];
  const [mine, its] = [ours.delivery.p50, relay.delivery.p50];
  return [
    {
      text: `${LATENCY_AT} msg/s: p50 ${mine.toFixed(1)} ms, ${(mine / its).toFixed(1)} × the relay's ${its.toFixed(1)} ms (target: at most ${P50_OF_RELAY} ×)`,
      ok: mine <= P50_OF_RELAY * its,
    },
  ];
}

function tail(ours: Summary | undefined, inline: Summary | undefined): Verdict[] {
  if (!ours || !inline) return [];
  const [mine, its] = [ours.delivery.p99, inline.delivery.p99];
  return [
    {
      text: `${LATENCY_AT} msg/s: p99 ${mine.toFixed(1)} ms, inline's is ${its.toFixed(1)} ms (target: at most that)`,
      ok: mine <= its,
    },
  ];
}

function right(samples: readonly Sample[]): Verdict[] {
  const own = samples.filter(({ arm }) => arm === 'ours');
  if (own.length === 0) return [];
  const { sent, lost, refused, duplicated, reordered, died } = wrongs(own);
  return [
    {
      text: `ours: of ${sent} messages ${lost} lost, ${refused} refused, ${duplicated} duplicated, ${reordered} out of order; died ${died} times`,
      ok: lost + refused + duplicated + reordered + died === 0,
    },
  ];
}
