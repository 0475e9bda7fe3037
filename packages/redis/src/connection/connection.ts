import { type Logger, retry, withDeadline } from '@chat-cluster/runtime';
import { CLUSTER_NAME } from '../cluster-name.ts';
import { newClient, type Place, type PlainClient, type RedisRole } from './client.ts';
import { connectProblem } from './connect-problem.ts';
import { Pulse } from './pulse.ts';
import { type Refusal, refusalOf, requirePrimary } from './refusal.ts';
import { findPrimary, followPrimary, type Primary } from './sentinel.ts';
import { parseSentinelUrl } from './server-url.ts';
import { WrongServer, watchDuplicate } from './wrong-server.ts';

/**
 * Connects to the server of a `redis://` or `redis+sentinel://` URL, with TLS if it begins with `rediss`. Waits until
 * Redis is reachable, with a jittered back-off from 100 ms to 2 s, and reconnects without a limit, also when the server
 * is a replica (wrong-server.ts). An outage is logged once, and so is each reason that an operator can remove.
 */
export async function connectRedis(url: string, role: RedisRole, logger: Logger): Promise<RedisClient> {
  const group = parseSentinelUrl(url);
  const onFailure = (error: unknown, attempt: number) => {
    if (attempt === 0) logger.warn({ role, reason: String(error) }, 'redis: waiting for the sentinels');
  };
  const primary = group && (await retry(async () => followPrimary(group, await findPrimary(group)), { onFailure }));
  const { client, connected } = open(primary?.place ?? { url }, role, logger, { standalone: true, primary });
  await connected;
  return client;
}

/**
 * As `connectRedis`, for a server of a Redis Cluster, but does not wait: until it is connected, commands behave as
 * during an outage.
 */
export function openRedis(url: string, role: RedisRole, logger: Logger): RedisClient {
  const { client, connected } = open({ url }, role, logger, { standalone: false });
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

/** A client, and whether its server responds. */
export type RedisClient = PlainClient & {
  readonly pulse: Pulse;
  /** Calls `listener` when the client has connected again, and its server is a primary that responds. */
  onBack(listener: () => void): void;
  /**
   * Calls `listener` as `onBack` does, but only when the server is another one than before: after a failover, and after
   * a restart. If the user may not read INFO, each server counts as another one.
   */
  onMoved(listener: () => void): void;
};

interface ServerOptions {
  /** True: the server must not be part of a Redis Cluster. */
  standalone: boolean;
  primary?: Primary | undefined;
}

function open(place: Place, role: RedisRole, logger: Logger, { standalone, primary }: ServerOptions) {
  const plain = newClient(place, role);
  const tls = place.url?.startsWith('rediss') ?? (place.socket !== undefined && 'tls' in place.socket);
  const wrongServer = new WrongServer(plain);
  const outage = logOutages(role, tls, logger);
  const { arrived, onBack, onMoved } = watchServer(plain);
  plain.on('error', outage.lost);
  const connected = plain.connect();
  const pulse = new Pulse({
    probe: async () => {
      const answers = [
        requirePrimary(plain, { standalone }),
        // A producer must notice a Redis that is full or read-only, not only one that does not respond.
        role === 'produce' ? plain.set(`${CLUSTER_NAME}:pulse`, '', { PX: 10_000 }) : plain.ping(),
      ];
      await Promise.all(answers).catch((error: Error) => {
        const refusal = refusalOf(error);
        if (refusal) outage.refused(refusal, error);
        if (refusal?.isWrongServer) wrongServer.leave();
        throw error;
      });
      outage.over();
      wrongServer.arrived();
      void arrived();
    },
    isConnected: () => plain.isReady,
    isRefusal: (error) => refusalOf(error)?.isWrongServer === true,
    reconnect() {
      logger.warn({ role }, 'redis: no answer, reconnecting');
      outage.known();
      plain.destroy();
      plain.connect().catch((error: Error) => logger.error({ role, err: error }, 'redis: reconnecting failed'));
    },
    ...(primary ? { isWrongServer: () => primary.hasMoved() } : {}),
  });
  plain.on('ready', () => {
    outage.connected();
    pulse.now();
  });
  // BullMQ and BlockingClient call it.
  const duplicate = () => {
    const own = newClient(place, role);
    watchDuplicate(own);
    return own;
  };
  const client: RedisClient = Object.assign(plain, { pulse, onBack, onMoved, duplicate });
  return { client, connected };
}

/** Logs each outage of a client once: its start with the reason and, if known, the remedy; a new reason; its end. */
function logOutages(role: RedisRole, tls: boolean, logger: Logger) {
  let down = false;
  let connectedBefore = false;
  /** The refusal or the reason of the last line. */
  let reported: Refusal | string | undefined;
  const refused = (refusal: Refusal, error: Error) => {
    if (reported === refusal) return;
    reported = refusal;
    down = true;
    logger.warn({ role, reason: error.message, remedy: refusal.remedy }, `redis: ${refusal.problem}, retrying`);
  };
  return {
    refused,
    /** The connection was lost, or could not be made. */
    lost(error: Error) {
      const refusal = refusalOf(error);
      if (refusal) return refused(refusal, error);
      const { reason, isTls } = connectProblem(error, { tls, connectedBefore });
      if (!down || (isTls && reason !== reported)) {
        logger.warn({ role, reason }, 'redis: connection lost, reconnecting');
        reported = reason;
      }
      down = true;
    },
    connected() {
      connectedBefore = true;
    },
    known() {
      down = true;
    },
    over() {
      if (down) logger.info({ role }, 'redis: connection restored');
      down = false;
      reported = undefined;
    },
  };
}

/**
 * Notices that a client has connected again, and whether its server is another one than before. Servers are compared by
 * their run id, since a new one may have the address of the old one.
 */
function watchServer(client: PlainClient) {
  const backListeners: (() => void)[] = [];
  const movedListeners: (() => void)[] = [];
  let connections = 0;
  /** The number of the connection whose server was checked last. */
  let checked = 0;
  let server: Promise<string | undefined> | undefined;
  client.on('ready', () => connections++);
  const readServer = async () => {
    const info = String(await client.sendCommand(['INFO', 'server']).catch(() => ''));
    return /^run_id:(\w+)/m.exec(info)?.[1];
  };
  return {
    /** Call it when the server has passed its check. Never rejects. */
    async arrived() {
      const isNew = connections > Math.max(1, checked);
      checked = connections;
      if (!isNew) return;
      for (const listener of backListeners) listener();
      if (movedListeners.length === 0) return;
      const before = await server;
      server = readServer();
      const now = await server;
      if (now === undefined || now !== before) for (const listener of movedListeners) listener();
    },
    onBack: (listener: () => void) => void backListeners.push(listener),
    onMoved(listener: () => void) {
      movedListeners.push(listener);
      server ??= readServer();
    },
  };
}
