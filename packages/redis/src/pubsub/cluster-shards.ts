import { EventEmitter } from 'node:events';
import { every, type Logger, logFirstFailure, type Repetition, retry, withDeadline } from '@chat-cluster/runtime';
import { askServer, firstAnswer } from '../connection/ask-server.ts';
import { openRedis } from '../connection/connection.ts';
import {
  type Address,
  type ClusterUrl,
  formatAddress,
  parseAddresses,
  parseClusterUrl,
} from '../connection/server-url.ts';
import { closeShard, type Shard, type ShardEvents, type Shards } from './shard.ts';
import { SLOTS, slotOf } from './slot.ts';

/** Interval at which the slot map is read while a server does not respond, in ms. */
const TICK_MS = 1_000;
/** Ticks between two reads while every server responds. A moved slot is also announced by MOVED and by its server. */
const QUIET_TICKS = 5;
/** Shortest time between two reads, in ms: many commands may be answered with MOVED at once. */
const REFRESH_INTERVAL_MS = 200;
/** Time limit for an answer of a server, in ms. */
const ANSWER_MS = 1_000;
/** Longest wait at the start for servers that the cluster names but that are unreachable, in ms. */
const CONNECT_MS = 5_000;

/**
 * The primaries of a Redis Cluster, each with plain connections, and the map from slots to primaries.
 *
 * The cluster client of node-redis is not used. It does not report that subscriptions were interrupted (a gap after
 * which sockets must sync), drops a failed resubscription as an unhandled rejection, waits for as long as a hanging
 * server keeps its connection, and needs several awaits to route a command. Here every server has a probed connection
 * (`pulse.ts`) like any other Redis.
 *
 * The map is read every 5 s, every second while a server does not respond, and at once after MOVED. The connections to
 * a server that is no longer a primary are closed; commands that wait on them fail, and are retried at the new primary.
 */
export class ClusterShards implements Shards {
  readonly events = new EventEmitter<ShardEvents>().setMaxListeners(0);
  #url: ClusterUrl;
  #subscribes: boolean;
  #logger: Logger;
  #shards = new Map<string, Shard>();
  #slots = new Array<Shard | undefined>(SLOTS);
  #ticks: Repetition | undefined;
  #refreshing: Promise<void> | undefined;
  #tick = 0;
  #open = true;

  static async connect(url: string, options: { subscribes: boolean }, logger: Logger): Promise<ClusterShards> {
    const shards = new ClusterShards(parseClusterUrl(url), options.subscribes, logger);
    await retry(() => shards.#readSlots(), { onFailure: logFirstFailure(logger, 'redis: reading the slots') });
    await withDeadline(shards.#connected(), CONNECT_MS, 'cluster').catch(() => {});
    shards.#ticks = every(TICK_MS, () => shards.#onTick());
    return shards;
  }

  private constructor(url: ClusterUrl, subscribes: boolean, logger: Logger) {
    this.#url = url;
    this.#subscribes = subscribes;
    this.#logger = logger;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  onMoved(listener: () => void): void {
    this.events.on('moved', listener);
  }

  of(channel: string): Shard | undefined {
    return this.#slots[slotOf(channel)];
  }

  all(): Shard[] {
    return [...this.#shards.values()];
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#readSlots()
      .catch((error: Error) => this.#logger.warn({ reason: error.message }, 'redis: reading the slots failed'))
      .finally(() => setTimeout(() => (this.#refreshing = undefined), REFRESH_INTERVAL_MS).unref());
    return this.#refreshing;
  }

  async close(): Promise<void> {
    this.#open = false;
    void this.#ticks?.stop();
    await Promise.all(this.all().map(closeShard));
  }

  async #onTick(): Promise<void> {
    const quiet = this.all().every(({ publish }) => publish.isReady && publish.pulse.answers);
    if (!quiet || ++this.#tick % QUIET_TICKS === 0) await this.refresh();
  }

  async #connected(): Promise<void> {
    const clients = this.all().flatMap(({ publish, subscribe }) => (subscribe ? [publish, subscribe] : [publish]));
    await Promise.all(
      clients.map((client) => client.isReady || new Promise((resolve) => client.once('ready', resolve))),
    );
  }

  /** Reads the map, connects to new primaries and closes the connections to former ones. */
  async #readSlots(): Promise<void> {
    const ranges = await this.#askForRanges();
    if (!this.#open) return;
    const primaries = new Map<string, Shard>();
    const slots = new Array<Shard | undefined>(SLOTS);
    for (const { from, to, primary } of ranges) {
      const address = formatAddress(primary);
      const shard = primaries.get(address) ?? this.#shards.get(address) ?? this.#openShard(primary);
      primaries.set(address, shard);
      slots.fill(shard, from, to + 1);
    }
    const before = this.#slots;
    const former = [...this.#shards].filter(([address]) => !primaries.has(address));
    this.#slots = slots;
    this.#shards = primaries;
    if (before.some((shard, slot) => shard && shard !== slots[slot])) {
      this.#logger.info({ primaries: primaries.size }, 'redis: slots of the cluster have moved');
      this.events.emit('moved');
    }
    await Promise.all(former.map(([, shard]) => closeShard(shard)));
  }

  /** The ranges from the first server that responds: connected ones in random order, then those of the URL. */
  #askForRanges() {
    const connected = [...this.#shards]
      .filter(([, { publish }]) => publish.isReady && publish.pulse.answers)
      .sort(() => Math.random() - 0.5)
      .map(([address, { publish }]) => ({ address, send: () => publish.sendCommand(COMMAND) }));
    const seeds = this.#url.seeds.map((seed) => ({
      address: formatAddress(seed),
      send: () => askServer(this.#urlOf(seed), COMMAND, ANSWER_MS),
    }));
    const servers = [...connected, ...seeds].map(({ address, send }) => ({
      address,
      ask: async () => parseRanges(await withDeadline(send(), ANSWER_MS, address), address),
    }));
    return firstAnswer('no server of the cluster returned its slots', servers);
  }

  #openShard(address: Address): Shard {
    const url = this.#urlOf(address);
    const publish = openRedis(url, 'publish', this.#logger);
    if (!this.#subscribes) return { publish, subscribe: undefined };
    const subscribe = openRedis(url, 'subscribe', this.#logger);
    subscribe.onBack(() => this.events.emit('back'));
    subscribe.on('sharded-channel-moved', (channel: string) => {
      void this.refresh();
      this.events.emit('evicted', String(channel));
    });
    subscribe.pulse.onChange(() => this.events.emit('pulse'));
    return { publish, subscribe };
  }

  #urlOf(address: Address): string {
    return `${this.#url.scheme}://${this.#url.credentials}${formatAddress(address)}`;
  }
}

const COMMAND = ['CLUSTER', 'SLOTS'];

/** The primary comes first in each range. A server that does not know its own address is at `askedAt`. */
function parseRanges(answer: unknown, askedAt: string): { from: number; to: number; primary: Address }[] {
  if (!Array.isArray(answer)) throw new Error('is not a server of a cluster');
  if (answer.length === 0) throw new Error('has no slots');
  return answer.map(([from, to, primary]) => {
    const host = String(primary[0] || parseAddresses(askedAt, 0)[0]?.host);
    return { from: Number(from), to: Number(to), primary: { host, port: Number(primary[1]) } };
  });
}
