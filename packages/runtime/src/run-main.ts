import { styleText } from 'node:util';

/**
 * Runs the main function of a process. A failed start ends the process with code 1. A problem that the operator can
 * solve (UserError, or a code of SOLVABLE) is written to stderr as one sentence, any other error with its stack.
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const { code, message, port } = Object(error) as Partial<Error & { code: string; port: number }>;
    const isPortInUse = code === 'EADDRINUSE';
    const sentence = isPortInUse ? `Port ${port} is in use: stop its listener, or set PORT or ADMIN_PORT.` : message;
    process.stderr.write(`${SOLVABLE.test(code ?? '') ? sentence || code : describeError(error)}\n`);
    process.exit(1);
  }
}

/** Runs a command-line tool. An error is written to stderr, a UserError without its stack, and the exit code is 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${styleText('red', '✖', { stream: process.stderr })} ${describeError(error)}\n`);
    process.exitCode = 1;
  }
}

/** A problem that the user can solve: `message` states the problem and the solution, and is shown without a stack. */
export class UserError extends Error {
  override name = 'UserError';
}

/** The text to show for any thrown value. Errors other than UserError keep their stack. */
export function describeError(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Codes of errors that the operator can solve: of the network, of a port, and SQLSTATEs of a rejected login. */
const SOLVABLE = /^(EADDR\w+|EACCES|ECONN\w+|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|28\w{3}|3D000)$/;
