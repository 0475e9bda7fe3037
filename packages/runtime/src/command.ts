import { styleText } from 'node:util';
import { describeError } from './user-error.ts';

/** Runs a command of the terminal. An error goes to stderr, a UserError without its stack, and the exit code becomes 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${styleText('red', '✖', { stream: process.stderr })} ${describeError(error)}\n`);
    process.exitCode = 1;
  }
}
