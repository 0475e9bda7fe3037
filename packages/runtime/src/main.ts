import { ConfigError } from './config.ts';

/** What a supervised process tells its parent once it serves. `port` is the one really bound. */
export interface ReadyMessage {
  type: 'ready';
  port: number;
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
    return `Port ${error.port} is in use. Stop what listens there, or choose another with PORT.`;
  }
  return error.message || String(error.code);
}
