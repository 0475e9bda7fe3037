import { describeOptions, flagOption, number, parseOptions, textOption, UserError } from '@chat-cluster/runtime';
import { z } from 'zod';
import { GENERATORS } from './generators.ts';
import { MODES } from './target.ts';

const schema = z.object({
  minutes: number(0.05, 10_000).optional().describe('duration of each run (10; with --each 0.33)'),
  mode: z.enum(MODES).optional().meta({
    placeholder: 'M',
    description: 'single: gateways of one process; multi: one gateway of several (default: both, one after the other)',
  }),
  seed: textOption('S', 'seed of all random choices (default: a new one for each run)'),
  only: z.array(z.string()).default([]).meta({ placeholder: 'G', description: 'only this generator; may be repeated' }),
  each: flagOption('one run per generator, on a new cluster, and a table of what the honest users notice'),
  timeFactor: number(1, 100)
    .default(1)
    .describe('multiplies all limits of time: for a machine that other work slows down'),
  replay: textOption('FILE', 'send the inputs of a saved finding again, instead of a run'),
});

export const HELP = `npm run fuzz -- [options]

Starts a cluster of real processes, sends malformed traffic over raw sockets, and checks meanwhile that no process ends,
that two honest users keep exchanging messages, that memory stays bounded, and that every connection is answered or
closed. The inputs in load-tests/fuzz/seeds are sent first. The exit code is 1 when an invariant did not hold.

${describeOptions(schema)}

Generators: ${Object.keys(GENERATORS).join(', ')}
`;

/** Options of a run; see HELP. */
export type Options = NonNullable<ReturnType<typeof readOptions>>;

/** Parses the command line. Undefined when help is requested. Throws UserError. */
export function readOptions(args: readonly string[]) {
  const parsed = parseOptions(args, schema);
  if (!parsed) return undefined;
  const { mode, seed, only, minutes, ...others } = parsed.values;
  const unknown = only.find((name) => !Object.hasOwn(GENERATORS, name));
  if (unknown !== undefined) {
    throw new UserError(`There is no generator ${unknown}. Choose among ${Object.keys(GENERATORS).join(', ')}.`);
  }
  return {
    ...others,
    minutes: minutes ?? (others.each ? 0.33 : 10),
    modes: mode === undefined ? MODES : [mode],
    seed: seed ?? String(Math.floor(Math.random() * 1e9)),
    generators: only.length > 0 ? only : Object.keys(GENERATORS),
  };
}
