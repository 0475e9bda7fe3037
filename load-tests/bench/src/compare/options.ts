import { UserError } from '@chat-cluster/runtime';
import { readNumbers } from '../options.ts';
import { ARMS } from './arms.ts';

export interface CompareOptions {
  /** Names, in the order of ARMS. */
  arms: string[];
  rounds: number;
  /** Measured, of each run. */
  seconds: number;
  warmUpSeconds: number;
  /** Messages a second, open loop. */
  rates: number[];
  /** Closed loop. */
  inFlight: number[];
  /** Closed loop, for the relay alone: where is it at its best? */
  relayInFlight: number[];
  /** Idle connections whose memory is measured; 0: not measured. */
  idle: number;
  pairs: number;
  /** Characters of a message. */
  size: number;
}

const DEFAULTS = {
  rounds: 3,
  seconds: 5,
  // After 4 s, threads that compile still take 7 % of the CPU of an arm with much code (perf); services run for days.
  'warm-up': 20,
  rates: [100, 500, 2_000],
  'in-flight': [200, 1_000],
  idle: 0,
  pairs: 100,
  size: 100,
};

/** Parses the command line. Throws UserError for what is no arm and no number. */
export function parseCompareOptions(args: string[]): CompareOptions {
  const rest = [...args];
  const quick = rest.includes('--quick');
  if (quick) rest.splice(rest.indexOf('--quick'), 1);
  const arms = takeArms(rest);
  const defaults = quick ? { ...DEFAULTS, rounds: 1, seconds: 3, 'warm-up': 3, idle: 0 } : DEFAULTS;
  const { 'in-flight': inFlight, 'warm-up': warmUpSeconds, ...numbers } = readNumbers(rest, defaults);
  const zero = [numbers.rounds, numbers.seconds, numbers.pairs, numbers.size, ...numbers.rates, ...inFlight].includes(
    0,
  );
  if (zero) throw new UserError('Only --idle and --warm-up may be 0.');
  return { ...numbers, arms, inFlight, warmUpSeconds, relayInFlight: [50, 100] };
}

function takeArms(args: string[]): string[] {
  const all = ARMS.map(({ name }) => name);
  const at = args.findIndex((argument) => argument === '--arms' || argument.startsWith('--arms='));
  if (at < 0) return all;
  const [option = ''] = args.splice(at, 1);
  const text = option.includes('=') ? option.slice('--arms='.length) : (args.splice(at, 1)[0] ?? '');
  const wanted = text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new UserError(`--arms: "${unknown}" is none of ${all.join(', ')}.`);
  return all.filter((name) => wanted.includes(name));
}
