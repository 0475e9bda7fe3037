import { readNumbers } from '../options.ts';

export const ADAPTERS = ['sharded', 'classic'] as const;
export type Adapter = (typeof ADAPTERS)[number];

export interface ScaleOptions {
  adapters: readonly Adapter[];
  /** Numbers of gateways, ascending. */
  gateways: number[];
  rounds: number;
  users: number;
  /** Messages a second, of all users together. */
  rate: number;
  seconds: number;
  /** Messages before, as fast as they go; each gateway must have compiled and optimised its code. */
  warmUpMessages: number;
  backgroundSeconds: number;
  workers: number;
  lanes: number;
  /** Characters of a message. */
  size: number;
}

export const HELP = `npm run bench -- scale [options]

What a message costs by the number of gateways, at the same users and the same rate: CPU of every process, and how many
gateways hear of it. For the sharded and the classic Socket.IO adapter in turn, every gateway a process of its own.

  --gateways N,N   numbers of gateways (1,2,4,8)
  --rate N         messages a second by the clock (120); one at which nothing queues
  --users N        in pairs whose two are on different gateways (200)
  --rounds N       of each, there and back: 1,2,4,8,8,4,2,1 ... (3)
  --seconds N      measured (10), after --warm-up N messages at full speed (24000), and --background N seconds of rest (4)
  --workers N      worker processes (1)     --lanes N  lanes (4)
  --size N         characters of a message (100)
  --save           write load-tests/results
`;

/** Throws UserError. */
export function parseScaleOptions(args: string[]): ScaleOptions {
  const values = readNumbers(args, DEFAULTS, 1);
  const { gateways, 'warm-up': warmUpMessages, background: backgroundSeconds, ...others } = values;
  const ascending = [...new Set(gateways)].sort((a, b) => a - b);
  return { ...others, adapters: ADAPTERS, gateways: ascending, warmUpMessages, backgroundSeconds };
}

const DEFAULTS = {
  gateways: [1, 2, 4, 8],
  rate: 120,
  users: 200,
  rounds: 3,
  seconds: 10,
  'warm-up': 24_000,
  background: 4,
  workers: 1,
  lanes: 4,
  size: 100,
};
