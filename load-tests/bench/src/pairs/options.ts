import { readNumbers } from '../options.ts';
import type { TrafficOptions } from '../traffic.ts';

export interface PairsOptions extends TrafficOptions {
  pairs: number;
  gateways: number;
  workers: number;
  lanes: number;
}

const HELP = `npm run bench -- [pairs] [options]

Starts a cluster of its own in a temporary folder, lets pairs of users on different gateways talk, and prints what
arrived. Every message is delivered to both sides and acknowledged after commit.

  --in-flight N   closed loop: N messages under way at any time (1000)
  --rate N        instead: N messages a second by the clock; latency counts from the intended time
  --pairs N       pairs of users (100)
  --seconds N     measured time (10), after --warm-up N seconds (3)
  --gateways N    gateway processes (2)     --workers N  worker processes (1)     --lanes N  lanes (4)
  --size N        characters of a message (100)
`;

/** Parses the command line; tells the help and returns undefined when asked for it. Throws UserError for a wrong number. */
export function parseOptions(args: string[], say: (line: string) => void): PairsOptions | undefined {
  if (args.includes('--help') || args.includes('-h')) {
    say(HELP);
    return undefined;
  }
  const { 'in-flight': inFlight, 'warm-up': warmUpSeconds, ...rest } = readNumbers(args, DEFAULTS);
  return { ...rest, inFlight, warmUpSeconds };
}

const DEFAULTS = {
  pairs: 100,
  'in-flight': 1_000,
  rate: 0,
  seconds: 10,
  'warm-up': 3,
  gateways: 2,
  workers: 1,
  lanes: 4,
  size: 100,
};
