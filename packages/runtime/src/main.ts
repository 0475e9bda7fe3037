import { ConfigError } from './config.ts';

/** What a supervised process tells its parent once it serves. Ports are those really bound. */
export interface ReadyMessage {
  type: 'ready';
  /** Of HTTP and sockets; of a process without them, the admin listener's. */
  port: number;
  /** Of the admin listener; a fork of a gateway has none. */
  adminPort?: number;
  gateways?: string[];
}

export function announceReady(message: ReadyMessage): void {
  if (process.connected) process.send?.(message);
}

/**
 * Runs the main function of a process. A start that fails ends it with code 1; what the operator can mend (a wrong
 * variable, a port in use) is told in plain words, everything else with its stack.
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const plain = error instanceof ConfigError || (error instanceof Error && 'code' in error);
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
