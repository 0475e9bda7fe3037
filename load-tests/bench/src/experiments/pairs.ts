import { wholeNumber } from '@chat-cluster/runtime';
import { z } from 'zod';
import { startOurs } from '../arms/ours.ts';
import { startUnderLoad } from '../arms/under-load.ts';
import type { Log } from '../experiment.ts';
import { list, noErrors, type Report, verdict } from '../results/report.ts';
import type { Latency, Outcome } from '../traffic/run.ts';

export const PAIRS_OPTIONS = z.object({
  inFlight: wholeNumber(1).default(1_000).describe('closed loop: messages in flight at any time'),
  rate: wholeNumber(0).default(0).describe('open loop instead: messages a second by the clock; 0: closed loop'),
  pairs: wholeNumber(1).default(100).describe('pairs of users'),
  seconds: wholeNumber(1).default(10).describe('measured time'),
  warmUp: wholeNumber(0).default(3).describe('seconds of traffic before the measurement'),
  gateways: wholeNumber(1).default(2).describe('gateway processes'),
  workers: wholeNumber(1).default(1).describe('worker processes'),
  lanes: wholeNumber(1).default(4).describe('lanes'),
  size: wholeNumber(1).default(100).describe('characters of a message'),
});
type PairsOptions = z.output<typeof PAIRS_OPTIONS>;

/** One run on a cluster as `npm start` starts it: all gateways behind one port. */
export async function measurePairs(options: PairsOptions, log: Log): Promise<Outcome> {
  const { pairs, gateways, workers, lanes, rate, inFlight, warmUp, seconds, size } = options;
  log(`starting a cluster: ${gateways} gateways, ${workers} workers, ${lanes} lanes, ${pairs} pairs of users`);
  const cluster = { pairs, idle: 0, gateways, workers, lanes, onePort: true };
  await using ours = await startUnderLoad(startOurs, { ...cluster, log });
  const load = rate > 0 ? `${rate} messages a second` : `${inFlight} messages in flight`;
  log(`${load}, ${warmUp} s warm-up, ${seconds} s measured`);
  return await ours.run({ rate, inFlight, warmUpSeconds: warmUp, seconds, size });
}

export function reportPairs(options: PairsOptions, outcome: Outcome): Report {
  const { pairs, gateways, workers, lanes, rate, inFlight, seconds, size } = options;
  const { sent, refused, refusedBy, lost, died, delivery, ack = delivery, cpu } = outcome;
  const refusals = Object.entries(refusedBy).map(([code, count]) => `${count} ${code}`);
  return {
    title: 'Pairs of users',
    method:
      `${pairs} pairs on ${gateways} gateways behind one port, ${workers} workers, ${lanes} lanes, ${size} characters; ` +
      `${rate > 0 ? `${rate} messages a second by the clock` : `${inFlight} messages in flight`}, ${seconds} s measured.`,
    figures: { options, outcome },
    tables: [
      list('One run', [
        ['delivered to both sides', `${outcome.deliveredPerSecond.toFixed(0)} msg/s`],
        ['ack', describe(ack)],
        ['delivery', describe(delivery)],
        ['sent / acknowledged', `${sent} / ${sent - refused - lost}`],
        ['refused', refusals.join(', ') || 0],
        ...Object.entries(cpu).map(([name, us]) => [`CPU of ${name}`, `${us.toFixed(0)} µs a message`] as const),
      ]),
    ],
    charts: [],
    verdicts: [noErrors(outcome), ...(died === undefined ? [] : [verdict(false, `the run died: ${died}`)])],
  };
}

function describe({ p50, p99, max }: Latency): string {
  return `p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms   max ${max.toFixed(1)} ms`;
}
