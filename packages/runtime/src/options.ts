import { parseArgs } from 'node:util';
import { z } from 'zod';
import { UserError } from './user-error.ts';

/**
 * Parses a command line: `node:util.parseArgs` splits it, `schema` checks the values. Each key of `schema` is the name
 * of an option as it is typed (`in-flight`): z.boolean() makes it a flag, z.array() an option that may be repeated.
 *
 * Returns undefined when help is requested (`--help`, `-h`): the caller prints it. Throws a UserError that lists all
 * problems at once, each with its option and what a valid value is.
 */
export function parseOptions<T extends z.ZodObject>(
  args: readonly string[],
  schema: T,
  { positionals: allowPositionals = false }: { positionals?: boolean } = {},
): Options<T> | undefined {
  const split = splitArguments(args, schema, allowPositionals);
  if (split.values.help === true) return undefined;
  const result = schema.safeParse(split.values);
  if (result.success) return { values: result.data, positionals: split.positionals };
  throw new UserError(
    `${result.error.issues.map((issue) => problemOf(issue, split.values)).join('\n')}\n--help lists all options.`,
  );
}

/** A parsed command line. */
export interface Options<T extends z.ZodObject> {
  /** By option name. */
  values: z.output<T>;
  /** In the order of the command line. */
  positionals: string[];
}

function splitArguments(args: readonly string[], schema: z.ZodObject, allowPositionals: boolean) {
  const options = Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => [name, kindOf(field)]));
  try {
    return parseArgs({
      args: [...args],
      allowPositionals,
      options: { ...options, help: { type: 'boolean' as const, short: 'h' } },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message.split('. ')[0]}. --help lists all options.`);
  }
}

function kindOf(field: unknown): { type: 'boolean' | 'string'; multiple?: boolean } {
  if (field instanceof z.ZodOptional || field instanceof z.ZodDefault) return kindOf(field.unwrap());
  if (field instanceof z.ZodBoolean) return { type: 'boolean' };
  return field instanceof z.ZodArray ? { type: 'string', multiple: true } : { type: 'string' };
}

function problemOf({ path: [option, index = 0], message }: z.core.$ZodIssue, given: Record<string, unknown>): string {
  // A check of several options together has no path.
  if (option === undefined) return `${message}.`;
  const value = [given[String(option)]].flat()[Number(index)];
  if (value !== undefined) return `--${String(option)} ${message}, not "${value}".`;
  return `--${String(option)} ${message.startsWith('Invalid input') ? 'is required' : message}.`;
}

/** An option that is a whole number from `min` to `max`. */
export function wholeNumber(min: number, max = 1_000_000_000) {
  const problem = `must be a whole number from ${min} to ${max}`;
  return numeral(problem).pipe(z.number().int(problem).min(min, problem).max(max, problem));
}

/** An option that is a number from `min` to `max`. */
export function number(min: number, max = 1_000_000_000) {
  const problem = `must be a number from ${min} to ${max}`;
  return numeral(problem).pipe(z.number().min(min, problem).max(max, problem));
}

/** An option that is a list of whole numbers from `min` to `max`, separated by commas: `100,500`. */
export function wholeNumbers(min: number, max = 1_000_000_000) {
  const problem = `must be whole numbers from ${min} to ${max}, separated by commas`;
  return z
    .string()
    .transform((text) => text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part))))
    .refine((list) => list.every((value) => Number.isInteger(value) && value >= min && value <= max), problem);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** An option that is a time, parsed to seconds: a number of seconds, or a number with s, m, h or d (`90s`, `10m`). */
export function seconds(min = 0) {
  const problem = `must be a time such as 30, 90s, 10m, 1h or 1d, at least ${min} s`;
  return z
    .string()
    .transform((text) => {
      const [, amount = '', unit = 's'] = /^(\d+(?:\.\d+)?)([smhd])?$/.exec(text) ?? [];
      return amount === '' ? Number.NaN : Number(amount) * (UNIT_SECONDS[unit] ?? Number.NaN);
    })
    .refine((value) => value >= min, problem);
}

function numeral(problem: string) {
  return z
    .string()
    .refine((text) => /^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$/.test(text), problem)
    .transform(Number);
}
