import type { Logger } from '@chat-cluster/runtime';
import { createClient } from 'redis';

/**
 * What a connection is for decides how it behaves while Redis is away:
 * - `publish`: commands fail at once instead of piling up; an emit that is late is worth less than memory.
 * - `subscribe`: commands wait. Its offline queue must stay on, or a start with Redis down ends the process.
 * - `produce`: as publish; a client that waits for an ack hears UNAVAILABLE in milliseconds.
 * - `consume`: waits for ever; there is nothing better a worker could do.
 * - `cache`: fails at once; Postgres answers instead.
 */
export type RedisRole = 'publish' | 'subscribe' | 'produce' | 'consume' | 'cache';

export type RedisClient = ReturnType<typeof newClient>;

/** Commands that may wait in one client: some seconds of a busy process, a few MB. */
const MAX_QUEUED_COMMANDS = 50_000;

/**
 * A connected client of the one library used for everything. Waits for a Redis that is not there yet, with back-off
 * (100 ms to 2 s, jittered), and reconnects for ever. Faults of the connection are logged once per outage.
 */
export async function connectRedis(url: string, role: RedisRole, logger: Logger): Promise<RedisClient> {
  const client = newClient(url, role);
  let down = false;
  client.on('error', (error: Error) => {
    if (!down) logger.warn({ role, reason: error.message || String(error) }, 'redis: connection lost, reconnecting');
    down = true;
  });
  client.on('ready', () => {
    if (down) logger.info({ role }, 'redis: connection is back');
    down = false;
  });
  await client.connect();
  return client;
}

function newClient(url: string, role: RedisRole) {
  return createClient({
    url,
    name: `chat-${role}`,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    disableOfflineQueue: role === 'publish' || role === 'produce' || role === 'cache',
    // The library's own time-out makes an AbortSignal per command (7 % of a busy worker's CPU) and ends when the command
    // is written. Callers set deadlines where they wait.
    commandOptions: { timeout: 0 },
    pingInterval: 10_000,
    socket: {
      connectTimeout: 5_000,
      reconnectStrategy: (retries) => Math.min(2_000, 100 * 2 ** Math.min(retries, 6)) * (0.5 + Math.random() / 2),
    },
  });
}

/** Closes without waiting for a server that does not answer. */
export async function disconnectRedis(client: RedisClient): Promise<void> {
  if (!client.isOpen) return;
  if (!client.isReady) return client.destroy();
  const force = setTimeout(() => client.destroy(), 1_000);
  await client.close().catch(() => {});
  clearTimeout(force);
}
