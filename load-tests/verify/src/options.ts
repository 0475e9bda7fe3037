import { parseOptions, UserError, wholeNumber } from '@chat-cluster/runtime';
import { z } from 'zod';
import { CLIENTS, type Clients } from './clients/population.ts';
import type { Fault } from './fault.ts';
import { FAULTS, faultsWith } from './faults.ts';

export interface VerifyOptions {
  faults: readonly Fault[];
  rounds: number;
  /** Runs only this round. */
  round: number | undefined;
  seed: string;
  /** Pairs of users. Undefined: the number that each fault states. */
  pairs: number | undefined;
  /** Messages a second. Undefined: the rate that each fault states. */
  rate: number | undefined;
  /** A saved history to check, instead of a run. */
  check: string | undefined;
  /** Kinds of devices. Undefined: those that each fault states. */
  clients: Clients | undefined;
  /** Numbers of members of groups. Empty: no groups. */
  groupSizes: readonly number[];
}

export const HELP = `npm run verify -- [faults] [options]

Starts a cluster of real processes, lets many users send messages, injects faults, and checks that the product keeps its
guarantees. Without a fault, all faults run.

  --rounds N     rounds of each fault (10)
  --seed S       seed of all random choices (default: a new one for each run)
  --round N      run only round N of that seed
  --users N      number of users, rounded up to pairs (40; some faults have more)
  --rate N       messages a second (120)
  --clients KIND library, stock or mixed devices (mixed for faults that clients notice, else library)
  --groups SIZES also groups with these numbers of members, such as 5,50,500; each user has two devices
  --from REF     F26: the commit to upgrade from (HEAD~1)
  --next         F26: also run migrations that no version has yet
  --check FILE   check a saved history again, without a cluster

${FAULTS.map(({ id, title }) => `  ${id.padEnd(5)} ${title}`).join('\n')}
`;

const schema = z.object({
  rounds: wholeNumber(1).default(10),
  seed: z.string().optional(),
  round: wholeNumber(1).optional(),
  users: wholeNumber(1).optional(),
  rate: wholeNumber(1).optional(),
  clients: z.enum(CLIENTS).optional(),
  groups: z
    .string()
    .regex(/^\d+(,\d+)*$/, 'must be numbers with commas between them')
    .transform((sizes) => sizes.split(',').map(Number))
    .default([]),
  from: z.string().optional(),
  next: z.boolean().default(false),
  check: z.string().optional(),
});

/** Parses the command line. Undefined when help is requested. Throws UserError. */
export function readOptions(args: readonly string[]): VerifyOptions | undefined {
  const parsed = parseOptions(args, schema, { positionals: true });
  if (!parsed) return undefined;
  const { seed, users, from, next, ...values } = parsed.values;
  const all = from !== undefined || next ? faultsWith({ from, next }) : FAULTS;
  return {
    faults: parsed.positionals.length === 0 ? all : parsed.positionals.map((id) => faultWithId(all, id)),
    rounds: values.rounds,
    round: values.round,
    seed: seed ?? String(Math.floor(Math.random() * 1e9)),
    pairs: users === undefined ? undefined : Math.max(2, Math.ceil(users / 2)),
    rate: values.rate,
    clients: values.clients,
    groupSizes: values.groups,
    check: values.check,
  };
}

function faultWithId(all: readonly Fault[], id: string): Fault {
  const fault = all.find((one) => one.id.toLowerCase() === id.toLowerCase());
  if (fault) return fault;
  throw new UserError(`There is no fault ${id}. Choose among ${FAULTS.map((one) => one.id).join(', ')}.`);
}
