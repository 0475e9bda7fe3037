import { styleText } from 'node:util';
import { loggerOfProcess } from './capture-output.ts';
import { createLogger, type Logger } from './logger.ts';

/**
 * Runs the main function of a process. A failed start ends the process with code 1. A problem that the operator can
 * solve (UserError, or a code of SOLVABLE) is reported as one sentence, any other error with its stack: as a log line
 * if the process has a logger or LOG_FORMAT is `json`, else as text on stderr.
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const { code, message, port } = Object(error) as Partial<Error & { code: string; port: number }>;
    const isPortInUse = code === 'EADDRINUSE';
    const sentence = isPortInUse ? `Port ${port} is in use: stop its listener, or set PORT or ADMIN_PORT.` : message;
    const isSolvable = error instanceof UserError || SOLVABLE.test(code ?? '');
    const logger = loggerOfProcess() ?? loggerBeforeStart();
    if (logger && isSolvable) logger.fatal(sentence || code);
    else if (logger) logger.fatal({ err: error }, `the process cannot go on: ${message ?? error}`);
    else process.stderr.write(`${isSolvable ? sentence || code : describeError(error)}\n`);
    process.exit(1);
  }
}

/** For a process that fails before its configuration is known. Only if JSON is requested. */
function loggerBeforeStart(): Logger | undefined {
  if (process.env.LOG_FORMAT !== 'json') return undefined;
  return createLogger({ name: 'start', level: 'info', format: 'json' });
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

/** Why an operation failed, without a stack: for sentences and log fields of faults that an operator can solve. */
export function reasonOf(error: unknown): string {
  const { code, message, errors } = Object(error) as { code?: string; message?: string; errors?: unknown[] };
  // A host with several addresses gives one error for each address.
  if (errors?.length) return reasonOf(errors[0]);
  return message || code || String(error);
}
