import { parseArgs } from 'node:util';

export interface BenchOptions {
  pairs: number;
  /** Messages under way at any time, over all pairs. Ignored when `rate` is given. */
  inFlight: number;
  /** Messages per second sent by the clock, whatever comes back; 0: closed loop. */
  rate: number;
  warmUpSeconds: number;
  seconds: number;
  gateways: number;
  workers: number;
  lanes: number;
  /** Characters of a message. */
  size: number;
}

const HELP = `npm run bench -- [options]

Starts a cluster of its own in a temporary folder, lets pairs of users on different gateways talk, and prints what
arrived. Every message is delivered to both sides and acknowledged after commit.

  --in-flight N   closed loop: N messages under way at any time (1000)
  --rate N        instead: N messages a second by the clock; latency counts from the intended time
  --pairs N       pairs of users (100)
  --seconds N     measured time (10), after --warm-up N seconds (3)
  --gateways N    gateway processes (2)     --workers N  worker processes (1)     --lanes N  lanes (4)
  --size N        characters of a message (100)
`;

/** Parses the command line; prints the help and returns undefined when asked for it. Throws on a wrong number. */
export function parseOptions(args: string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      pairs: { type: 'string', default: '100' },
      'in-flight': { type: 'string', default: '1000' },
      rate: { type: 'string', default: '0' },
      seconds: { type: 'string', default: '10' },
      'warm-up': { type: 'string', default: '3' },
      gateways: { type: 'string', default: '2' },
      workers: { type: 'string', default: '1' },
      lanes: { type: 'string', default: '4' },
      size: { type: 'string', default: '100' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  const number = (name: Exclude<keyof typeof values, 'help'>) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 0) throw new Error(`--${name}: ${values[name]} is no whole number`);
    return value;
  };
  return {
    pairs: number('pairs'),
    inFlight: number('in-flight'),
    rate: number('rate'),
    seconds: number('seconds'),
    warmUpSeconds: number('warm-up'),
    gateways: number('gateways'),
    workers: number('workers'),
    lanes: number('lanes'),
    size: number('size'),
  };
}
