import { type Logger, retry, withDeadline } from '@chat-cluster/runtime';
import { RedisClient as Client } from 'redis';
import { CLUSTER_NAME } from '../cluster-name.ts';
import { connectProblem } from './connect-problem.ts';
import { Pulse } from './pulse.ts';
import { findPrimary, followPrimary, isPrimary, type Primary } from './sentinel.ts';
import { parseSentinelUrl } from './server-url.ts';

/**
 * Connects to the server of a `redis://` or `redis+sentinel://` URL, with TLS if it begins with `rediss`. Waits until
 * Redis is reachable, with a jittered back-off from 100 ms to 2 s, and reconnects without a limit. An outage is logged
 * once, and so is each problem with TLS.
 */
export async function connectRedis(url: string, role: RedisRole, logger: Logger): Promise<RedisClient> {
  const group = parseSentinelUrl(url);
  const onFailure = (error: unknown, attempt: number) => {
    if (attempt === 0) logger.warn({ role, reason: String(error) }, 'redis: waiting for the sentinels');
  };
  const primary = group && (await retry(async () => followPrimary(group, await findPrimary(group)), { onFailure }));
  const { client, connected } = open(primary?.place ?? { url }, role, logger, primary);
  await connected;
  return client;
}

/** As `connectRedis`, but does not wait: until it is connected, commands behave as during an outage. */
export function openRedis(url: string, role: RedisRole, logger: Logger): RedisClient {
  const { client, connected } = open({ url }, role, logger);
  // It rejects only when the client is closed before its first connection.
  connected.catch(() => {});
  return client;
}

/** Closes a client. Does not wait longer than a second for a server that does not respond. */
export async function disconnectRedis(client: RedisClient): Promise<void> {
  client.pulse.stop();
  if (!client.isOpen) return;
  if (!client.isReady) return client.destroy();
  await withDeadline(client.close(), 1_000, 'close').catch(() => client.destroy());
}

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

/** A client, and whether its server responds. */
export type RedisClient = PlainClient & {
  readonly pulse: Pulse;
  /** Calls `listener` when the client has connected to another server than before (a failover behind Sentinel). */
  onMoved(listener: () => void): void;
};

/** Commands that may wait in one client: a few seconds of a busy process, a few MB. */
const MAX_QUEUED_COMMANDS = 50_000;
/** Silence after which a connection is replaced, in ms. Each connection carries a probe every 500 ms. */
const SILENT_MS = 7_500;
/** Interval of PING, in ms: BullMQ makes a connection per lane and sends nothing on it while it has the lane. */
const DUPLICATE_PING_MS = 2_500;

function open(place: Place, role: RedisRole, logger: Logger, primary?: Primary) {
  const plain = newClient(place, role);
  const tls = place.url?.startsWith('rediss') ?? (place.socket !== undefined && 'tls' in place.socket);
  let connectedBefore = false;
  let down = false;
  let logged = '';
  plain.on('error', (error: Error) => {
    const { reason, isTls } = connectProblem(error, { tls, connectedBefore });
    if (!down || (isTls && reason !== logged)) {
      logger.warn({ role, reason }, 'redis: connection lost, reconnecting');
      logged = reason;
    }
    down = true;
  });
  plain.on('ready', () => {
    if (down) logger.info({ role }, 'redis: connection restored');
    connectedBefore = true;
    down = false;
  });
  const connected = plain.connect();
  const reconnect = (reason: string) => {
    logger.warn({ role }, `redis: ${reason}, reconnecting`);
    down = true;
    plain.destroy();
    plain.connect().catch((error: Error) => logger.error({ role, err: error }, 'redis: reconnecting failed'));
  };
  const pulse = new Pulse({
    probe: async () => {
      // Behind Sentinel: a demoted primary still responds, but must not be written to.
      if (primary && !isPrimary(await plain.sendCommand(['ROLE']))) reconnect('the server is not the primary');
      // A producer must notice a Redis that is full or read-only, not only one that does not respond.
      await (role === 'produce' ? plain.set(`${CLUSTER_NAME}:pulse`, '', { PX: 10_000 }) : plain.ping());
    },
    isConnected: () => plain.isReady,
    reconnect: () => reconnect('no answer'),
    ...(primary ? { isWrongServer: () => primary.hasMoved() } : {}),
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

/**
 * `createClient` would build a class of 900 commands for each different set of options: five classes took 0.67 s of CPU
 * and 115 MB, this one class takes 5 ms.
 */
const makeClient = Client.factory({});

type Place = Pick<Parameters<typeof makeClient>[0] & object, 'url' | 'username' | 'password' | 'database' | 'socket'>;

function newClient({ socket, ...place }: Place, role: RedisRole) {
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
    ...(role === 'consume' ? { pingInterval: DUPLICATE_PING_MS } : {}),
    socket: {
      ...socket,
      connectTimeout: 5_000,
      socketTimeout: SILENT_MS,
      reconnectStrategy: (retries: number) =>
        Math.min(2_000, 100 * 2 ** Math.min(retries, 6)) * (0.5 + Math.random() / 2),
    } as NonNullable<Place['socket']>,
  });
}
