import { paintFor } from './paint.ts';
import { describeError, UserError } from './user-error.ts';

/** Runs a command of the terminal. What it throws goes to stderr, a UserError as its one sentence, and the exit code is 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${paintFor(process.stderr).red('✖')} ${describeError(error)}\n`);
    process.exitCode = 1;
  }
}

/** The values of `--name value` or `--name=value`, and of `--help`. Throws UserError for anything not in `names`. */
export function readFlags(args: readonly string[], names: readonly string[]): Record<string, string | undefined> {
  const values: Record<string, string> = {};
  for (let index = 0; index < args.length; index++) {
    const [, name = '', inline] = /^--?([a-z]+)(?:=(.*))?$/s.exec(args[index] ?? '') ?? [];
    if (name === 'help' || name === 'h') return { help: 'yes' };
    if (!names.includes(name)) throw new UserError(`"${args[index]}" is not understood here; try --help.`);
    const value = inline ?? args[++index];
    if (value === undefined || value === '') throw new UserError(`--${name} needs a value; try --help.`);
    values[name] = value;
  }
  return values;
}
