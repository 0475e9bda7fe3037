import { UserError } from './user-error.ts';

/**
 * Runs the main function of a process. A failed start ends the process with code 1. A problem that the operator can
 * solve (a wrong variable, a port in use) is written to stderr as one sentence, any other error with its stack.
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const plain = error instanceof UserError || (error instanceof Error && 'code' in error);
    process.stderr.write(`${plain ? explain(error) : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
}

function explain(error: Error & { code?: unknown; port?: unknown }): string {
  if (error.code === 'EADDRINUSE') {
    return `Port ${error.port} is in use. Stop what listens there, or choose another with PORT or ADMIN_PORT.`;
  }
  return error.message || String(error.code);
}

/** The message that a supervised process sends to its parent when it serves. All ports are those really bound. */
export interface ReadyMessage {
  type: 'ready';
  /** Port of HTTP and sockets; in a process without them, the port of the admin listener. */
  port: number;
  /** Port of the admin listener; absent in a fork of a gateway, which has none. */
  adminPort?: number;
  gateways?: string[];
}

/** Sends the message to the parent process, if there is one. */
export function announceReady(message: ReadyMessage): void {
  if (process.connected) process.send?.(message);
}
