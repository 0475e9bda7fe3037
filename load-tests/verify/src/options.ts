import { parseArgs } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import { FAULTS, faultsWith } from './faults.ts';

export interface VerifyOptions {
  faults: typeof FAULTS;
  rounds: number;
  /** Only this one of the rounds. */
  round: number | undefined;
  seed: string;
  /** undefined: what each fault wants. */
  pairs: number | undefined;
  rate: number | undefined;
  /** A saved history to be checked again, instead of a run. */
  check: string | undefined;
}

const help = () => `npm run verify -- [faults] [options]

Starts a cluster of real processes, lets users talk, makes trouble, and holds what everybody saw against what the
product promises. Without a fault all of them run.

  --rounds N     rounds of each fault (10)
  --seed S       where every random choice comes from (a new one each time)
  --round N      only round N of that seed
  --users N      users, half as many pairs (40; some faults have more)
  --rate N       messages a second (120)
  --from REF     F26: the commit that an upgrade begins with (HEAD~1)
  --next         F26: with migrations that no version has yet
  --check FILE   check a saved history again, without a cluster

${FAULTS.map(({ id, title }) => `  ${id.padEnd(5)} ${title}`).join('\n')}
`;

/** Parses the command line; prints the help and returns undefined when asked for it. Throws UserError. */
export function parseOptions(args: string[]): VerifyOptions | undefined {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(help());
    return undefined;
  }
  const number = (name: 'rounds' | 'round' | 'users' | 'rate', text: string) => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UserError(`--${name}: "${text}" is no whole number above 0.`);
  };
  const { from, next } = values;
  const all = from !== undefined || next ? faultsWith({ from, next }) : FAULTS;
  return {
    faults: positionals.length === 0 ? all : positionals.map((name) => faultNamed(all, name)),
    rounds: number('rounds', values.rounds),
    round: values.round === undefined ? undefined : number('round', values.round),
    seed: values.seed ?? String(Math.floor(Math.random() * 1e9)),
    pairs: values.users === undefined ? undefined : Math.max(2, Math.ceil(number('users', values.users) / 2)),
    rate: values.rate === undefined ? undefined : number('rate', values.rate),
    check: values.check,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        rounds: { type: 'string', default: '10' },
        round: { type: 'string' },
        seed: { type: 'string' },
        users: { type: 'string' },
        rate: { type: 'string' },
        from: { type: 'string' },
        next: { type: 'boolean', default: false },
        check: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message} npm run verify -- --help has them all.`);
  }
}

function faultNamed(all: typeof FAULTS, name: string) {
  const fault = all.find(({ id }) => id.toLowerCase() === name.toLowerCase());
  if (fault) return fault;
  throw new UserError(`There is no fault ${name}: ${FAULTS.map(({ id }) => id).join(', ')}.`);
}
