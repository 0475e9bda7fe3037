import type { Experiment, Report } from '../experiment.ts';
import { measure, type Sample } from './measure.ts';
import { type Adapter, HELP, parseScaleOptions, type ScaleOptions } from './options.ts';
import { reportScale } from './report.ts';

export const scale: Experiment = {
  name: 'scale',
  about: 'what a message costs with 1 to 8 gateways, sharded and classic adapter side by side',
  help: HELP,
  run: (args, say) => runScale(parseScaleOptions(args), say),
};

/** Measures every number of gateways with both adapters, in rounds. */
export async function runScale(options: ScaleOptions, say: (line: string) => void): Promise<Report> {
  const samples: Sample[] = [];
  const plan = order(options);
  for (const [i, { adapter, gateways, round }] of plan.entries()) {
    const sample = await measure(adapter, gateways, round, options);
    samples.push(sample);
    say(`${i + 1}/${plan.length} ${adapter}, gateways: ${gateways}, ${sample.cpu.sum.toFixed(0)} µs a message`);
  }
  return reportScale(samples, options);
}

/** Up and down again, the adapters changing places, so that whatever else the machine does hits all alike. */
function order({ adapters, gateways, rounds }: ScaleOptions): { adapter: Adapter; gateways: number; round: number }[] {
  return Array.from({ length: rounds }, (_, round) => {
    const counts = round % 2 === 0 ? gateways : gateways.toReversed();
    const turns = round % 2 === 0 ? adapters : adapters.toReversed();
    return counts.flatMap((count) => turns.map((adapter) => ({ adapter, gateways: count, round })));
  }).flat();
}
