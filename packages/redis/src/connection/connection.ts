import { backoff, type Logger } from '@chat-cluster/runtime';
import { RedisClient as Client } from 'redis';
import { type Pulse, startPulse } from './pulse.ts';
import { findPrimary, type Primary, parseSentinelUrl, primaryOf, type SentinelGroup } from './sentinel.ts';

/**
 * What a connection is for decides how it behaves while Redis is away:
 * - `publish`: commands fail at once instead of piling up; an emit that is late is worth less than memory.
 * - `subscribe`: commands wait. Its offline queue must stay on, or a start with Redis down ends the process.
 * - `produce`: as publish; a client that waits for an ack hears UNAVAILABLE in milliseconds.
 * - `consume`: waits for ever; there is nothing better a worker could do.
 * - `cache`: fails at once; Postgres answers instead.
 */
export type RedisRole = 'publish' | 'subscribe' | 'produce' | 'consume' | 'cache';

/** A client alone, without what is known of its Redis. */
export type PlainClient = ReturnType<typeof newClient>;

/** A client, and whether its Redis answers. */
export type RedisClient = PlainClient & {
  readonly pulse: Pulse;
  /** Calls `listener` when the client is connected to another server than before (a failover behind Sentinel). */
  onMoved(listener: () => void): void;
};

/** Commands that may wait in one client: some seconds of a busy process, a few MB. */
const MAX_QUEUED_COMMANDS = 50_000;
/** A connection that is silent for so long is made anew. Each of ours carries a probe every half second. */
const SILENT_MS = 7_500;
/** BullMQ copies a connection for the wait of each lane's consumer, and leaves it silent for as long as that has its lane. */
const COPIES_PING_MS = 2_500;

/**
 * A connected client of the one library used for everything, for a `redis://`, `rediss://` or `redis+sentinel://` URL.
 * Waits for a Redis that is not there yet, with back-off (100 ms to 2 s, jittered), and reconnects for ever. Faults of
 * the connection are logged once per outage.
 */
export async function connectRedis(url: string, role: RedisRole, logger: Logger): Promise<RedisClient> {
  const group = parseSentinelUrl(url);
  const primary = group && (await followPrimary(group, role, logger));
  const { client, connected } = open(group && primary ? placeOf(group, primary) : { url }, role, logger, primary);
  await connected;
  return client;
}

/** As `connectRedis`, but does not wait: commands behave as while Redis is away until the connection is there. */
export function openRedis(url: string, role: RedisRole, logger: Logger): RedisClient {
  const { client, connected } = open({ url }, role, logger);
  // It ends only when the client is closed before it has ever connected.
  connected.catch(() => {});
  return client;
}

function open(place: Place, role: RedisRole, logger: Logger, primary?: Primary) {
  const plain = newClient(place, role);
  let down = false;
  plain.on('error', (error: Error) => {
    if (!down) logger.warn({ role, reason: error.message || String(error) }, 'redis: connection lost, reconnecting');
    down = true;
  });
  plain.on('ready', () => {
    if (down) logger.info({ role }, 'redis: connection is back');
    down = false;
  });
  const connected = plain.connect();
  const cut = (why: string) => {
    logger.warn({ role }, `redis: ${why}, connecting anew`);
    down = true;
    plain.destroy();
    plain.connect().catch((error: Error) => logger.error({ role, err: error }, 'redis: could not connect anew'));
  };
  const pulse = startPulse({
    probe: async () => {
      if (primary) await askRole(plain, cut);
      // Whoever adds jobs must know of a Redis that is full or read-only, not only of one that is silent.
      await (role === 'produce' ? plain.set('chat:pulse', '', { PX: 10_000 }) : plain.ping());
    },
    isConnected: () => plain.isReady,
    cut: () => cut('no answer'),
    ...(primary ? { isAstray: () => primary.hasMoved() } : {}),
  });
  const client: RedisClient = Object.assign(plain, { pulse, onMoved: watchMoves(plain, primary) });
  return { client, connected };
}

function watchMoves(client: PlainClient, primary: Primary | undefined): RedisClient['onMoved'] {
  const listeners: (() => void)[] = [];
  let host = primary?.host();
  client.on('ready', () => {
    if (primary?.host() === host) return;
    host = primary?.host();
    for (const listener of listeners) listener();
  });
  return (listener) => void listeners.push(listener);
}

/** createClient makes a class of 900 commands for each other set of options: five took 0.67 s of CPU and 115 MB, with this 5 ms. */
const makeClient = Client.factory({});

type Place = Pick<Parameters<typeof makeClient>[0] & object, 'url' | 'username' | 'password' | 'database' | 'socket'>;

function newClient({ socket, ...place }: Place, role: RedisRole) {
  return makeClient({
    ...place,
    name: `chat-${role}`,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    // A feature of Redis Enterprise, which asks DNS for a host that only our own lookup knows.
    maintNotifications: 'disabled',
    disableOfflineQueue: role === 'publish' || role === 'produce' || role === 'cache',
    // The library's own time-out makes an AbortSignal per command (7 % of a busy worker's CPU) and ends when the command
    // is written. Callers set deadlines where they wait.
    commandOptions: { timeout: 0 },
    ...(role === 'consume' ? { pingInterval: COPIES_PING_MS } : {}),
    socket: {
      ...socket,
      connectTimeout: 5_000,
      socketTimeout: SILENT_MS,
      reconnectStrategy: (retries: number) =>
        Math.min(2_000, 100 * 2 ** Math.min(retries, 6)) * (0.5 + Math.random() / 2),
    } as NonNullable<Place['socket']>,
  });
}

function placeOf({ name, username, password, database }: SentinelGroup, { port, lookup }: Primary): Place {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    socket: { host: name, port, lookup } as NonNullable<Place['socket']>,
  };
}

/** Waits for sentinels that are not there yet. */
async function followPrimary(group: SentinelGroup, role: RedisRole, logger: Logger): Promise<Primary> {
  for (let attempt = 0; ; attempt++) {
    try {
      return primaryOf(group, await findPrimary(group));
    } catch (error) {
      if (attempt === 0) logger.warn({ role, reason: String(error) }, 'redis: waiting for the sentinels');
      await backoff(attempt, 100, 2_000);
    }
  }
}

/** The probe behind Sentinel: a primary that was demoted still answers, but must not be written to. */
async function askRole(client: PlainClient, cut: (why: string) => void): Promise<void> {
  const role = await client.sendCommand(['ROLE']);
  if (Array.isArray(role) && String(role[0]) !== 'master') cut('this server is no primary any more');
}

/** Closes without waiting for a server that does not answer. */
export async function disconnectRedis(client: RedisClient): Promise<void> {
  client.pulse.stop();
  if (!client.isOpen) return;
  if (!client.isReady) return client.destroy();
  const force = setTimeout(() => client.destroy(), 1_000);
  await client.close().catch(() => {});
  clearTimeout(force);
}
