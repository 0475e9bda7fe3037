import { list, noErrors, type Report, verdict } from '../../results/report.ts';
import type { Latency, Outcome } from '../../traffic/run.ts';
import type { PairsOptions } from './measure.ts';

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
