import { EventEmitter } from 'node:events';
import { backoff, type Logger, withDeadline } from '@chat-cluster/runtime';
import slotOf from 'cluster-key-slot';
import { askServer } from '../connection/ask-server.ts';
import { openRedis } from '../connection/connection.ts';
import { closeShard, type Shard, type ShardEvent, type ShardRole, type Shards } from './shards.ts';

const SLOTS = 16_384;
const TICK_MS = 1_000;
/** Ticks between two looks while every server answers: a migrated slot is also told of by MOVED, and by the server. */
const QUIET_TICKS = 5;
/** Many commands may hear MOVED at once. */
const REFRESH_AT_MOST_EVERY_MS = 200;
const ANSWER_MS = 1_000;
/** A start does not wait longer for servers that the cluster names, but that can not be reached. */
const CONNECT_MS = 5_000;

/**
 * The primaries of a Redis Cluster, each with plain connections of our own, and the map from slots to them.
 *
 * Not node-redis's cluster client: it tells nothing when a server's subscriptions were gone for a while (which is a gap
 * that sockets must be healed from), drops a failed resubscription as an unhandled rejection, waits for as long as a
 * hung server keeps its connection, and takes several awaits to route a command. Here every server has a probed
 * connection (`pulse.ts`) like any other Redis of the cluster.
 *
 * The map is asked for every 5 s, every second while a server does not answer, and at once when one says MOVED. A primary
 * that is no longer one is let go; what waited on its connections fails, and is tried again at the new one.
 */
export class ClusterShards implements Shards {
  #place: ClusterUrl;
  #roles: readonly ShardRole[];
  #logger: Logger;
  #shards = new Map<string, Shard>();
  #slots = new Array<Shard | undefined>(SLOTS);
  #events = new EventEmitter<Record<ShardEvent, []> & { evicted: [string] }>();
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #tick = 0;
  #open = true;

  static async connect(url: string, roles: readonly ShardRole[], logger: Logger): Promise<ClusterShards> {
    const shards = new ClusterShards(parseClusterUrl(url), roles, logger);
    for (let attempt = 0; shards.#shards.size === 0; attempt++) {
      if (attempt === 1) logger.warn('redis: waiting for the cluster');
      if (attempt > 0) await backoff(attempt, 100, 2_000);
      await shards.refresh();
    }
    await withDeadline(shards.#connected(), CONNECT_MS, 'cluster').catch(() => {});
    shards.#timer = setInterval(() => shards.#look(), TICK_MS);
    shards.#timer.unref();
    return shards;
  }

  private constructor(place: ClusterUrl, roles: readonly ShardRole[], logger: Logger) {
    this.#place = place;
    this.#roles = roles;
    this.#logger = logger;
    this.#events.setMaxListeners(0);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  of(channel: string): Shard | undefined {
    return this.#slots[slotOf(channel)];
  }

  all(): Shard[] {
    return [...this.#shards.values()];
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh()
      .catch((error: Error) =>
        this.#logger.warn({ reason: error.message }, 'redis: the cluster does not say who has what'),
      )
      .finally(() => setTimeout(() => (this.#refreshing = undefined), REFRESH_AT_MOST_EVERY_MS).unref());
    return this.#refreshing;
  }

  on(event: ShardEvent, listener: () => void): void {
    this.#events.on(event, listener);
  }

  onEvicted(listener: (channel: string) => void): void {
    this.#events.on('evicted', listener);
  }

  async close(): Promise<void> {
    this.#open = false;
    clearInterval(this.#timer);
    await Promise.all(this.all().map(closeShard));
  }

  #look(): void {
    const quiet = this.all().every(({ publish }) => publish.isReady && publish.pulse.answers);
    if (!quiet || ++this.#tick % QUIET_TICKS === 0) void this.refresh();
  }

  async #connected(): Promise<void> {
    const clients = this.all().flatMap(({ publish, subscribe }) => (subscribe ? [publish, subscribe] : [publish]));
    await Promise.all(
      clients.map((client) => client.isReady || new Promise((resolve) => client.once('ready', resolve))),
    );
  }

  async #refresh(): Promise<void> {
    const ranges = await this.#askForRanges();
    if (!this.#open) return;
    const named = new Map<string, Shard>();
    const slots = new Array<Shard | undefined>(SLOTS);
    for (const { from, to, host, port } of ranges) {
      const address = `${host}:${port}`;
      const shard = named.get(address) ?? this.#shards.get(address) ?? this.#openShard(host, port);
      named.set(address, shard);
      slots.fill(shard, from, to + 1);
    }
    const before = this.#slots;
    const gone = [...this.#shards].filter(([address]) => !named.has(address));
    this.#slots = slots;
    this.#shards = named;
    if (before.some((shard, slot) => shard && shard !== slots[slot])) {
      this.#logger.info({ primaries: named.size }, 'redis: slots of the cluster have moved');
      this.#events.emit('moved');
    }
    await Promise.all(gone.map(([, shard]) => closeShard(shard)));
  }

  /** As the first server says that answers within a second: those connected in random order, then those of the URL. */
  async #askForRanges(): Promise<SlotRange[]> {
    const problems: string[] = [];
    const ready = [...this.#shards].filter(([, { publish }]) => publish.isReady && publish.pulse.answers);
    const known = ready
      .sort(() => Math.random() - 0.5)
      .map(([address, { publish }]) => ({ address, ask: () => publish.sendCommand(COMMAND) }));
    const seeds = this.#place.seeds.map(({ host, port }) => ({
      address: `${host}:${port}`,
      ask: () => askServer(this.#urlOf(host, port), COMMAND, ANSWER_MS),
    }));
    for (const { address, ask } of [...known, ...seeds]) {
      try {
        const ranges = parseRanges(await withDeadline(ask(), ANSWER_MS, address), address);
        if (ranges.length === 0) throw new Error('knows no slots');
        return ranges;
      } catch (error) {
        problems.push(`${address} ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new Error(`no server of the cluster names its slots: ${problems.join('; ')}`);
  }

  #openShard(host: string, port: number): Shard {
    const url = this.#urlOf(host, port);
    const publish = openRedis(url, 'publish', this.#logger);
    if (!this.#roles.includes('subscribe')) return { publish, subscribe: undefined };
    const subscribe = openRedis(url, 'subscribe', this.#logger);
    // Its first connection brings back nothing.
    subscribe.once('ready', () => subscribe.on('ready', () => this.#events.emit('back')));
    subscribe.on('sharded-channel-moved', (channel: string) => {
      void this.refresh();
      this.#events.emit('evicted', String(channel));
    });
    subscribe.pulse.onChange(() => this.#events.emit('pulse'));
    return { publish, subscribe };
  }

  #urlOf(host: string, port: number): string {
    const { scheme, credentials } = this.#place;
    return `${scheme}://${credentials}${host.includes(':') ? `[${host}]` : host}:${port}`;
  }
}

const COMMAND = ['CLUSTER', 'SLOTS'];

interface SlotRange {
  from: number;
  to: number;
  host: string;
  port: number;
}

/** Of each range the primary, which comes first. A server that does not know its own address is where we asked it. */
function parseRanges(answer: unknown, askedAt: string): SlotRange[] {
  if (!Array.isArray(answer)) throw new Error('is no server of a cluster');
  return answer.map(([from, to, primary]) => {
    const host = String(primary[0] || askedAt.slice(0, askedAt.lastIndexOf(':')));
    return { from: Number(from), to: Number(to), host, port: Number(primary[1]) };
  });
}

interface ClusterUrl {
  scheme: 'redis' | 'rediss';
  /** `user:password@`, as in the URL. */
  credentials: string;
  /** Any servers of the cluster; the others are found through them. */
  seeds: { host: string; port: number }[];
}

const FORM = /^(rediss?)\+cluster:\/\/((?:[^@/]*@)?)([^/?]+)\/?$/;
const PORT = 6_379;

/** `redis+cluster://[user:password@]host:port,host:port,…`; `rediss+cluster://` for TLS. Throws for another form. */
export function parseClusterUrl(url: string): ClusterUrl {
  const [, scheme, credentials = '', hosts] = FORM.exec(url) ?? [];
  if (!hosts) throw new Error('a Redis Cluster is named redis+cluster://[user:password@]host:port,host:port');
  return {
    scheme: scheme as ClusterUrl['scheme'],
    credentials,
    seeds: hosts.split(',').map((address) => {
      const [, host = address, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(address) ?? [];
      return { host, port: Number(port ?? PORT) };
    }),
  };
}
