import { once } from 'node:events';
import { createServer } from 'node:net';
import { UserError } from '@chat-cluster/runtime';

/**
 * Range of freePort. It ends below 32768, where Linux assigns ports to outgoing connections. The suites that `npm test`
 * runs at once have a part of it each.
 */
const [LOWEST = 0, HIGHEST = 0] = (process.env.CHAT_TEST_PORTS ?? '12000-32000').split('-').map(Number);
/** Ports that this process has chosen before: what is to listen there may still be starting. */
const given = new Set<number>();
/** Ports that onPort tries. */
const ATTEMPTS = 3;

/** A port on 127.0.0.1 without a listener. Chosen at random, so that concurrent searches find different ports. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port)) continue;
    const server = createServer();
    const listening = once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.listen(port, '127.0.0.1');
    if (!(await listening)) continue;
    server.close();
    await once(server, 'close');
    if (given.size > (HIGHEST - LOWEST) / 2) given.clear();
    given.add(port);
    return port;
  }
}

/**
 * Starts a server on the port `wanted`, by default on a free one. Another process may take a free port before the
 * server listens: `start` then throws PortInUseError and is called again with another port.
 */
export async function onPort<T>(
  wanted: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<{ server: T; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort());
    try {
      return { server: await start(port), port };
    } catch (error) {
      if (wanted !== undefined || !(error instanceof PortInUseError) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** A server could not start because another process listens on its port. */
export class PortInUseError extends UserError {}

/** Throws UserError when `port` on loopback cannot be bound now. Port 0 (any free one) always can. */
export async function checkPort(port: number): Promise<void> {
  const code = await bindError(port);
  if (code === undefined) return;
  const other = `set PORT, e.g. PORT=${port < 1024 ? 3000 : port + 1} npm start`;
  if (code === 'EADDRINUSE') throw new UserError(`Port ${port} is in use. Stop what listens there or ${other}.`);
  throw new UserError(`Port ${port} cannot be used (${code}): ${other}.`);
}

function bindError(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
