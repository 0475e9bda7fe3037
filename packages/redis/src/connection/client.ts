import { RedisClient as Client } from 'redis';

/**
 * The purpose of a connection decides how its commands behave while Redis is away:
 * - `publish`: they fail at once instead of queueing, because a late emit is worth less than the memory it holds.
 * - `subscribe`: they wait. Its offline queue must stay on; without it, a start while Redis is down ends the process.
 * - `produce`: they fail at once, so a client that waits for an acknowledgement receives UNAVAILABLE within
 *   milliseconds.
 * - `consume`: they wait without a limit, because a worker has nothing else to do.
 * - `cache`: they fail at once, and Postgres is read instead.
 */
export type RedisRole = 'publish' | 'subscribe' | 'produce' | 'consume' | 'cache';

/** A client of node-redis without the state of its server. */
export type PlainClient = ReturnType<typeof newClient>;

/** Commands that may wait in one client: a few seconds of a busy process, a few MB. */
const MAX_QUEUED_COMMANDS = 50_000;
/** Silence after which a connection is replaced, in ms. Each carries a probe every 500 ms, a duplicate every 2.5 s. */
const SILENT_MS = 7_500;

/**
 * `createClient` would build a class of 900 commands for each different set of options: five classes took 0.67 s of CPU
 * and 115 MB, this one class takes 5 ms.
 */
const makeClient = Client.factory({});

/** Where the server is, and how to log in. */
export type Place = Pick<
  Parameters<typeof makeClient>[0] & object,
  'url' | 'username' | 'password' | 'database' | 'socket'
>;

/** A client that is not connected yet and watches nothing. */
export function newClient({ socket, ...place }: Place, role: RedisRole) {
  return makeClient({
    ...place,
    name: `chat-${role}`,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    // For Redis Enterprise only. It resolves the host by DNS, which fails for the name of a Sentinel group.
    maintNotifications: 'disabled',
    disableOfflineQueue: role === 'publish' || role === 'produce' || role === 'cache',
    // The library's own time-out creates an AbortSignal per command (7 % of the CPU of a busy worker) and ends when the
    // command is written. Callers set deadlines where they wait.
    commandOptions: { timeout: 0 },
    socket: {
      ...socket,
      connectTimeout: 5_000,
      socketTimeout: SILENT_MS,
      reconnectStrategy: (retries: number) =>
        Math.min(2_000, 100 * 2 ** Math.min(retries, 6)) * (0.5 + Math.random() / 2),
    } as NonNullable<Place['socket']>,
  });
}
