import { createClient } from 'redis';

/** Sends one command over a connection of its own. Rejects when there is no answer within `ms` milliseconds. */
export async function askServer(url: string, command: string[], ms: number): Promise<unknown> {
  const client = createClient({
    url,
    socket: { connectTimeout: ms, socketTimeout: ms, reconnectStrategy: false },
    maintNotifications: 'disabled',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}
