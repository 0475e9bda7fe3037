import { parseArgs } from 'node:util';
import { UserError } from '@chat-cluster/local';

/** The numbers given as `--name N` or, where absent, those of `defaults`. Throws UserError for anything else. */
export function readNumbers<Name extends string>(args: string[], defaults: Record<Name, number>): Record<Name, number> {
  const lists = Object.fromEntries(Object.entries<number>(defaults).map(([name, value]) => [name, [value]]));
  const values = readLists(args, lists as Record<Name, number[]>);
  return Object.fromEntries(
    Object.entries<number[]>(values).map(([name, list]) => {
      if (list.length !== 1) throw new UserError(`--${name} takes one number.`);
      return [name, list[0]];
    }),
  ) as Record<Name, number>;
}

/** As `readNumbers`, of lists: `--name 1,2,4`. */
export function readLists<Name extends string>(
  args: string[],
  defaults: Record<Name, readonly number[]>,
): Record<Name, number[]> {
  const names = Object.keys(defaults) as Name[];
  const given = parse(args, names);
  return Object.fromEntries(
    names.map((name) => [name, given[name] === undefined ? [...defaults[name]] : wholeNumbers(name, given[name])]),
  ) as Record<Name, number[]>;
}

function parse(args: string[], names: readonly string[]): Record<string, string | undefined> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UserError(`${(error as Error).message} --help tells what there is.`);
  }
}

function wholeNumbers(name: string, text: string): number[] {
  return text.split(',').map((item) => {
    const value = Number(item);
    if (item.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
    throw new UserError(`--${name}: "${text}" is no whole number.`);
  });
}
