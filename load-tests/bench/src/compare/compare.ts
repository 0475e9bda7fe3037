import type { Experiment } from '../experiment.ts';
import { ARMS } from './arms.ts';
import { measureArms } from './measure.ts';
import { parseCompareOptions } from './options.ts';
import { reportCompare } from './report.ts';

const HELP = `npm run bench -- compare [options]

This cluster beside what one would build or take instead: the same load, Redis, Postgres and number of processes, one arm
at a time, several rounds in turns.

${ARMS.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join('\n')}

  --arms A,B       some of them (all)
  --rounds N       (3)
  --seconds N      measured, of each run (5), after a second that is not; --warm-up N seconds of each start (20)
  --in-flight N,N  closed loop: so many messages under way at any time (200,1000)
  --rates N,N      open loop: messages a second by the clock; latency counts from the intended time (100,500,2000)
  --pairs N        pairs of users (100), each on two gateways; --size N characters of a message (100)
  --idle N         also N idle connections, for the memory of one (0: none); roughly, the experiment idle is exact
  --quick          one round of 3 s
  --save           write load-tests/results
`;

export const compare: Experiment = {
  name: 'compare',
  about: 'this cluster beside a relay, the plain designs and ejabberd',
  help: HELP,
  async run(args, say) {
    const options = parseCompareOptions(args);
    return reportCompare(options, await measureArms(options, say));
  },
};
