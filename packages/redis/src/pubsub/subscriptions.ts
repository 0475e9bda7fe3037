import { backoff, type Logger } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';
import type { Pulse } from '../connection/pulse.ts';
import { isRedirection, type Listener, type PubSubKind, type RawListener, type Subscriber } from './pubsub.ts';
import type { Shards } from './shards.ts';

/** What is wanted of a channel, and the connection on which it was subscribed last. */
interface Subscription {
  listener: Listener | RawListener;
  raw: boolean;
  pattern: boolean;
  at: RedisClient | undefined;
}

/**
 * The subscriptions of a process.
 *
 * Subscriptions and their ends take turns per channel: node-redis answers a subscription at once while the end of an
 * earlier one is under way, and then drops both, so a room left and joined again would hear nothing any more. One that
 * fails is tried again until it succeeds: node-redis forgets a subscription whose connection broke before its answer.
 *
 * On a Redis Cluster a channel may get another server (a failover, a migrated slot). Then it is subscribed there, and
 * that is a gap: what was published in between is lost.
 */
export class Subscriptions implements Subscriber {
  readonly kind: PubSubKind;
  #shards: Shards;
  #logger: Logger;
  #wanted = new Map<string, Subscription>();
  /** The end of the line of each channel that has one. */
  #turns = new Map<string, Promise<void>>();
  #gapListeners: (() => void)[] = [];

  constructor(shards: Shards, kind: PubSubKind, logger: Logger) {
    this.kind = kind;
    this.#shards = shards;
    this.#logger = logger;
    shards.on('back', () => this.#gap());
    shards.on('moved', () => void this.#follow());
    shards.onEvicted((channel) => {
      const subscription = this.#wanted.get(channel);
      if (subscription) void this.#again(channel, subscription).then(() => this.#gap());
    });
  }

  subscribe(channel: string, listener: Listener): Promise<void> {
    return this.#want(channel, { listener, raw: false, pattern: false, at: undefined });
  }

  subscribeRaw(channel: string, listener: RawListener, as?: 'pattern'): Promise<void> {
    return this.#want(channel, { listener, raw: true, pattern: as === 'pattern', at: undefined });
  }

  unsubscribe(channel: string): Promise<void> {
    const subscription = this.#wanted.get(channel);
    this.#wanted.delete(channel);
    return this.#inTurn(channel, async () => {
      // One that can not be ended is gone with its connection.
      if (subscription?.at) await this.#end(channel, subscription).catch(() => {});
    });
  }

  async settled(channel: string): Promise<void> {
    await this.#turns.get(channel);
  }

  onGap(listener: () => void): void {
    this.#gapListeners.push(listener);
  }

  pulseOf(channel: string): Pick<Pulse, 'answers' | 'onChange'> {
    const shards = this.#shards;
    const answers = () => shards.of(channel)?.subscribe?.pulse.answers ?? false;
    return {
      get answers() {
        return answers();
      },
      onChange(listener) {
        let before = answers();
        const look = () => {
          if (answers() === before) return;
          before = !before;
          listener(before);
        };
        shards.on('pulse', look);
        shards.on('moved', look);
      },
    };
  }

  #gap(): void {
    for (const listener of this.#gapListeners) listener();
  }

  #want(channel: string, subscription: Subscription): Promise<void> {
    this.#wanted.set(channel, subscription);
    return this.#inTurn(channel, () => this.#begin(channel, subscription));
  }

  /** Subscribes, where they are now, those channels whose server has changed. */
  async #follow(): Promise<void> {
    const astray = [...this.#wanted].filter(
      ([channel, { at }]) => at !== undefined && at !== this.#shards.of(channel)?.subscribe,
    );
    if (astray.length === 0) return;
    await Promise.all(astray.map(([channel, subscription]) => this.#again(channel, subscription)));
    this.#gap();
  }

  #again(channel: string, subscription: Subscription): Promise<void> {
    return this.#inTurn(channel, async () => {
      // The old server may be in good health, and would be heard twice should the channel come back to it. (On the server
      // of now an end under way would drop the new subscription with the old.)
      const isElsewhere = subscription.at !== this.#shards.of(channel)?.subscribe;
      if (isElsewhere && subscription.at?.isReady) void this.#end(channel, subscription).catch(() => {});
      subscription.at = undefined;
      await this.#begin(channel, subscription);
    });
  }

  #inTurn(channel: string, work: () => Promise<void>): Promise<void> {
    const earlier = this.#turns.get(channel);
    const done = (earlier ? earlier.then(work) : work()).finally(() => {
      if (this.#turns.get(channel) === done) this.#turns.delete(channel);
    });
    this.#turns.set(channel, done);
    return done;
  }

  /** Never rejects. Gives up when it is no longer wanted, or all is closed. */
  async #begin(channel: string, subscription: Subscription): Promise<void> {
    for (let attempt = 0; this.#wanted.get(channel) === subscription && this.#shards.isOpen; attempt++) {
      const client = this.#shards.of(channel)?.subscribe;
      try {
        if (!client) throw new Error('no server is known to have the channel');
        await this.#command(client, channel, subscription);
        subscription.at = client;
        return;
      } catch (error) {
        if (isRedirection(error)) await this.#shards.refresh();
        if (attempt === 1) this.#logger.error({ reason: String(error) }, 'fan-out: a subscription fails, trying again');
        await backoff(attempt, 100, 2_000);
      }
    }
  }

  #command(client: RedisClient, channel: string, { listener, raw, pattern }: Subscription): Promise<void> {
    const heard = listener as (message: string | Buffer, channel: string | Buffer) => void;
    if (this.kind === 'sharded') return client.sSubscribe(channel, heard, raw);
    return pattern ? client.pSubscribe(channel, heard, raw) : client.subscribe(channel, heard, raw);
  }

  #end(channel: string, { at, pattern }: Subscription): Promise<void> {
    if (!at) return Promise.resolve();
    if (this.kind === 'sharded') return at.sUnsubscribe(channel);
    return pattern ? at.pUnsubscribe(channel) : at.unsubscribe(channel);
  }
}
