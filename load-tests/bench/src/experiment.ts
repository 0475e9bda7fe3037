import { describeOptions, flagOption, parseOptions } from '@chat-cluster/runtime';
import { z } from 'zod';
import type { Report } from './results/report.ts';

/** Prints one line of progress. */
export type Log = (line: string) => void;

/** One subcommand of `npm run bench`. */
export interface Experiment {
  /** The subcommand, and the name of its files in load-tests/results. */
  name: string;
  /** One line for the list of subcommands. */
  about: string;
  /** Output of `--help`. */
  help: string;
  /** Measures and reports. Resolves with undefined when help is requested. Throws UserError for a wrong option. */
  run(args: readonly string[], log: Log): Promise<{ report: Report; save: boolean } | undefined>;
}

interface Definition<Options extends z.ZodObject> extends Omit<Experiment, 'run'> {
  /** Options in camelCase (`inFlight` is `--in-flight`), each with a default and a description for `--help`. */
  options: Options;
  run(options: z.output<Options>, log: Log): Promise<Report>;
}

/** An experiment with typed options. `--help` and `--save` are added, and the list of all options to `help`. */
export function defineExperiment<T extends z.ZodObject>({ options, help, run, ...texts }: Definition<T>): Experiment {
  const schema = z.object({ ...options.shape, save: flagOption('writes the report to load-tests/results') });
  return {
    ...texts,
    help: `npm run bench -- ${texts.name} [options]: ${texts.about}\n\n${help}\n\n${describeOptions(schema)}\n`,
    async run(args, log) {
      const parsed = parseOptions(args, schema);
      if (!parsed) return undefined;
      const { save, ...given } = parsed.values;
      return { report: await run(given as z.output<T>, log), save };
    },
  };
}

/** An option that is a list of some of `names`, by default all of them. The result has their order. */
export function someOf<Name extends string>(names: readonly Name[]) {
  return z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()) as Name[])
    .refine((given) => given.every((name) => names.includes(name)), `must be some of ${names.join(',')}`)
    .transform((given) => names.filter((name) => given.includes(name)))
    .default([...names]);
}
