import { once } from 'node:events';
import { createServer } from 'node:net';
import { UserError } from '@chat-cluster/runtime';

/** Below the ports that Linux gives to outgoing connections (32768 and up), so that none of them takes the port meanwhile. */
const LOWEST = 12_000;
const HIGHEST = 32_000;

/** A port on 127.0.0.1 on which nobody listens now. Chosen at random, so that concurrent searches find different ports. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer();
    const listening = once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.listen(port, '127.0.0.1');
    if (!(await listening)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

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
