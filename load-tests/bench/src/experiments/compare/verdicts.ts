import { type Verdict, verdict } from '../../results/report.ts';
import type { Sample } from './measure.ts';
import { countErrors, type Summary, summarise } from './summary.ts';

/** Messages in flight at which throughput is compared, and the least multiple of each arm's that ours must reach. */
const THROUGHPUT_AT = 1_000;
const THROUGHPUT = { jobs: 8, inline: 5, ejabberd: 4 };
/** The least share of the relay's maximum, at whatever number in flight the relay has it. */
const SHARE_OF_RELAY = 0.8;
/** Messages per second at which latency is compared: p50 with the relay's, p99 with inline's. */
const LATENCY_AT = 500;
const P50_OF_RELAY = 3;

/** The targets for which the arms and loads were measured. */
export function verdicts(samples: readonly Sample[]): Verdict[] {
  const all = summarise(samples);
  const at = (name: string, { rate = 0, inFlight = 0 }) =>
    all.find((one) => one.arm === name && one.rate === rate && one.inFlight === inFlight);
  const closed = (name: string) => at(name, { inFlight: THROUGHPUT_AT });
  const open = (name: string) => at(name, { rate: LATENCY_AT })?.delivery;
  const [ours, slow, relay, inline] = [closed('ours'), open('ours'), open('relay'), open('inline')];
  const relayRuns = all.filter((one) => one.arm === 'relay' && one.inFlight > 0 && one.survived > 0);
  const [best] = relayRuns.toSorted((a, b) => b.deliveredPerSecond - a.deliveredPerSecond);
  return [
    ...Object.entries(THROUGHPUT).flatMap(([arm, least]) => faster(ours, closed(arm), arm, least)),
    ...faster(ours, best, "the relay's best", SHARE_OF_RELAY),
    ...(slow && relay ? [median(slow.p50, relay.p50)] : []),
    ...(slow && inline ? [tail(slow.p99, inline.p99)] : []),
    ...errors(samples.filter(({ arm }) => arm === 'ours')),
  ];
}

function faster(ours: Summary | undefined, other: Summary | undefined, name: string, least: number): Verdict[] {
  if (!ours || !other) return [];
  const at = `${ours.inFlight} in flight: ${ours.deliveredPerSecond.toFixed(0)} msg/s`;
  if (other.survived === 0) return [verdict(ours.survived > 0, `${at}; ${name} did not survive`)];
  const ratio = ours.deliveredPerSecond / other.deliveredPerSecond;
  const where = other.inFlight === ours.inFlight ? '' : ` at ${other.inFlight} in flight`;
  const compared = `${ratio.toFixed(2)} × ${name}${where}, ${other.deliveredPerSecond.toFixed(0)} msg/s`;
  return [verdict(ratio >= least, `${at}, ${compared} (target: at least ${least} ×)`)];
}

function median(ours: number, relay: number): Verdict {
  const ratio = `${(ours / relay).toFixed(1)} × the relay's ${relay.toFixed(1)} ms (target: at most ${P50_OF_RELAY} ×)`;
  return verdict(ours <= P50_OF_RELAY * relay, `${LATENCY_AT} msg/s: p50 ${ours.toFixed(1)} ms, ${ratio}`);
}

function tail(ours: number, inline: number): Verdict {
  const target = `(target: at most inline's ${inline.toFixed(1)} ms)`;
  return verdict(ours <= inline, `${LATENCY_AT} msg/s: p99 ${ours.toFixed(1)} ms ${target}`);
}

function errors(samples: readonly Sample[]): Verdict[] {
  if (samples.length === 0) return [];
  const { sent, lost, refused, duplicated, reordered, died } = countErrors(samples);
  const text = `${lost} lost, ${refused} refused, ${duplicated} duplicated, ${reordered} out of order; died ${died} times`;
  return [verdict(lost + refused + duplicated + reordered + died === 0, `ours: of ${sent} messages ${text}`)];
}
