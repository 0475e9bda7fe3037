import { parseArgs } from 'node:util';
import { z } from 'zod';
import { UserError } from './run-main.ts';

/**
 * Parses a command line: `node:util.parseArgs` splits it, `schema` checks the values. Each key of `schema` is an option
 * (`inFlight` is `--in-flight`): z.boolean() makes it a flag, z.array() an option that may be repeated. Returns undefined
 * when help is requested (`--help`, `-h`): the caller prints it. Throws a UserError that lists all problems at once, each
 * with its option and what a valid value is.
 */
export function parseOptions<T extends z.ZodObject>(
  args: readonly string[],
  schema: T,
  { positionals: allowPositionals = false }: { positionals?: boolean } = {},
): { values: z.output<T>; positionals: string[] } | undefined {
  const { values, positionals } = splitArguments(args, schema, allowPositionals);
  const split: Record<string, unknown> = values;
  if (split.help === true) return undefined;
  const keys = Object.keys(schema.shape).filter((key) => split[optionName(key)] !== undefined);
  const given = Object.fromEntries(keys.map((key) => [key, split[optionName(key)]]));
  const result = schema.safeParse(given);
  if (result.success) return { values: result.data, positionals };
  const problems = result.error.issues.map((issue) => problemOf(issue, given));
  throw new UserError([...problems, '--help lists all options.'].join('\n'));
}

function splitArguments(args: readonly string[], schema: z.ZodObject, allowPositionals: boolean) {
  const options = Object.fromEntries(
    Object.entries(schema.shape).map(([key, field]) => [optionName(key), kindOf(field)]),
  );
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

function problemOf({ path: [key, index = 0], message }: z.core.$ZodIssue, given: Record<string, unknown>): string {
  // A check of several options together has no path.
  if (key === undefined) return `${message}.`;
  const value = [given[String(key)]].flat()[Number(index)];
  const option = optionName(String(key));
  if (value !== undefined) return `--${option} ${message}, not "${value}".`;
  return `--${option} ${message.startsWith('Invalid input') ? 'is required' : message}.`;
}

function optionName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The options of `schema` for `--help`, one per line: name, placeholder of the value, description and default. */
export function describeOptions(schema: z.ZodObject): string {
  const rows = Object.entries(schema.shape as Record<string, z.ZodType>).map(([key, field]) => {
    const { placeholder = placeholderOf(field), description = '' } = field.meta() ?? {};
    const value = field.safeParse(undefined).data;
    const hasDefault = value !== undefined && typeof value !== 'boolean' && String(value) !== '';
    return [`--${optionName(key)} ${placeholder}`, description + (hasDefault ? ` (${value})` : '')] as const;
  });
  const width = Math.max(...rows.map(([option]) => option.length));
  return rows.map(([option, about]) => `  ${option.padEnd(width)}  ${about}`).join('\n');
}

function placeholderOf(field: unknown): string {
  if (kindOf(field).type === 'boolean') return '';
  const value = field instanceof z.ZodDefault ? field.def.defaultValue : undefined;
  if (!Array.isArray(value)) return 'N';
  return typeof value[0] === 'string' ? 'A,B' : 'N,N';
}

/** An option that is given or not. */
export function flagOption(about: string) {
  return z.boolean().default(false).describe(about);
}

/** An optional text. `placeholder` stands for it in the help: FILE, URL. */
export function textOption(placeholder: string, about: string) {
  return z.string().optional().meta({ placeholder, description: about });
}

const LARGEST = 1_000_000_000;

/** An option that is a whole number from `min` to `max`. */
export function wholeNumber(min: number, max = LARGEST) {
  const problem = `must be a whole number from ${min} to ${max}`;
  return parsed(toNumber, (value) => Number.isInteger(value) && value >= min && value <= max, problem);
}

/** An option that is a number from `min` to `max`. */
export function number(min: number, max = LARGEST) {
  return parsed(toNumber, (value) => value >= min && value <= max, `must be a number from ${min} to ${max}`);
}

/** An option that is a list of whole numbers from `min` to `max`, separated by commas: `100,500`. */
export function wholeNumbers(min: number, max = LARGEST) {
  return parsed(
    (text) => text.split(',').map(toNumber),
    (list) => list.every((value) => Number.isInteger(value) && value >= min && value <= max),
    `must be whole numbers from ${min} to ${max}, separated by commas`,
  );
}

/** An option that is a time, parsed to seconds: a number of seconds, or a number with s, m, h or d (`90s`, `10m`). */
export function seconds(min = 0) {
  const problem = `must be a time such as 30, 90s, 10m, 1h or 1d, at least ${min} s`;
  return parsed(toSeconds, (value) => value >= min, problem);
}

/** An option whose value is the result of `parse`, if it is valid. */
function parsed<T>(parse: (text: string) => T, isValid: (value: T) => boolean, problem: string) {
  return z.string().transform(parse).refine(isValid, problem);
}

/** NaN for a text that is not a decimal number. */
function toNumber(text: string): number {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$/.test(text) ? Number(text) : Number.NaN;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function toSeconds(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)([smhd])?$/.exec(text) ?? [];
  return Number(amount) * (UNIT_SECONDS[unit] ?? Number.NaN);
}
