import { parseArgs } from 'node:util';
import { UserError } from '@chat-cluster/runtime';

type Defaults = Record<string, number | readonly number[]>;
type Values<D extends Defaults> = { [Name in keyof D]: D[Name] extends number ? number : number[] };

/**
 * The whole numbers given as `--name N`, or `--name N,N` where the default is a list, and the defaults of the others.
 * Throws UserError for anything else, and for a number below `least`.
 */
export function readNumbers<const D extends Defaults>(args: string[], defaults: D, least = 0): Values<D> {
  const given = parse(args, Object.keys(defaults));
  const read = (name: string, otherwise: number | readonly number[]) => {
    const text = given[name];
    if (text === undefined) return otherwise;
    const numbers = text.split(',').map((item) => wholeNumber(name, item, least));
    if (typeof otherwise === 'object') return numbers;
    if (numbers.length > 1) throw new UserError(`--${name} takes one number, not "${text}".`);
    return numbers[0];
  };
  return Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, read(name, value)])) as Values<D>;
}

function parse(args: string[], names: readonly string[]): Record<string, string | undefined> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UserError(`${(error as Error).message} --help tells what there is.`);
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least) return value;
  throw new UserError(`--${name}: "${text}" is no whole number${least > 0 ? ` above ${least - 1}` : ''}.`);
}
