import { styleText } from 'node:util';
import { describeError } from './user-error.ts';

/** Runs a command-line tool. An error is written to stderr, a UserError without its stack, and the exit code is 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${styleText('red', '✖', { stream: process.stderr })} ${describeError(error)}\n`);
    process.exitCode = 1;
  }
}
