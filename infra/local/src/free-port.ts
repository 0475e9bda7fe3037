import { createServer } from 'node:net';
import { UserError } from './user-error.ts';

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
