import { number, parseOptions, UserError } from '@chat-cluster/runtime';
import { z } from 'zod';
import { GENERATORS } from './generators.ts';
import { MODES, type Mode } from './target.ts';

export interface Options {
  minutes: number;
  modes: readonly Mode[];
  seed: string;
  generators: readonly string[];
  /** Each generator gets a run of its own, on a new cluster. */
  each: boolean;
  timeFactor: number;
  /** A saved finding to repeat, instead of a run. */
  replay: string | undefined;
}

export const HELP = `npm run fuzz -- [options]

Starts a cluster of real processes, sends malformed traffic over raw sockets, and checks meanwhile that no process ends,
that two honest users keep exchanging messages, that memory stays bounded, and that every connection is answered or
closed. The inputs in load-tests/fuzz/seeds are sent first. The exit code is 1 when an invariant did not hold.

  --minutes N      duration of each run (10; with --each 0.33)
  --mode M         single: gateways of one process; multi: one gateway of several (default: both, one after the other)
  --seed S         seed of all random choices (default: a new one for each run)
  --only G         only this generator; may be repeated
  --each           one run per generator, and a table of what the honest users notice
  --time-factor N  multiplies all limits of time: for a machine that other work slows down (1)
  --replay FILE    send the inputs of a saved finding again

Generators: ${Object.keys(GENERATORS).join(', ')}
`;

const schema = z.object({
  minutes: number(0.05, 10_000).optional(),
  mode: z.enum(MODES).optional(),
  seed: z.string().optional(),
  only: z.array(z.string()).default([]),
  each: z.boolean().default(false),
  'time-factor': number(1, 100).default(1),
  replay: z.string().optional(),
});

/** Parses the command line. Undefined when help is requested. Throws UserError. */
export function readOptions(args: readonly string[]): Options | undefined {
  const parsed = parseOptions(args, schema);
  if (!parsed) return undefined;
  const { mode, seed, only, each, replay, 'time-factor': timeFactor } = parsed.values;
  const { minutes = each ? 0.33 : 10 } = parsed.values;
  const unknown = only.find((name) => !Object.hasOwn(GENERATORS, name));
  if (unknown !== undefined) {
    throw new UserError(`There is no generator ${unknown}. Choose among ${Object.keys(GENERATORS).join(', ')}.`);
  }
  return {
    minutes,
    modes: mode === undefined ? MODES : [mode],
    seed: seed ?? String(Math.floor(Math.random() * 1e9)),
    generators: only.length > 0 ? only : Object.keys(GENERATORS),
    each,
    timeFactor,
    replay,
  };
}
