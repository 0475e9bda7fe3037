import { type Logger, retry } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';
import type { Pulse } from '../connection/pulse.ts';
import type { Listener, PubSubKind, RawListener, Subscriber } from './pubsub-port.ts';
import { isRedirection, type Shards } from './shard.ts';

/**
 * The subscriptions of a process.
 *
 * The commands of one channel run one after the other: while an unsubscribe is in progress, node-redis confirms a new
 * subscription at once and then drops both, so a room that is left and joined again would receive nothing. A failed
 * subscription is retried until it succeeds: node-redis forgets a subscription whose connection broke before its
 * answer.
 *
 * On a Redis Cluster a channel may move to another server (a failover, a migrated slot). It is then subscribed there,
 * which is a gap: messages published in between are lost.
 */
export class Subscriptions implements Subscriber {
  readonly kind: PubSubKind;
  #shards: Shards;
  #logger: Logger;
  #wanted = new Map<string, Subscription>();
  /** The last command of each channel that has one in progress. */
  #turns = new Map<string, Promise<void>>();
  #gapListeners: (() => void)[] = [];

  constructor(shards: Shards, kind: PubSubKind, logger: Logger) {
    this.kind = kind;
    this.#shards = shards;
    this.#logger = logger;
    shards.events.on('back', () => this.#gap());
    shards.events.on('moved', () => void this.#follow());
    shards.events.on('evicted', (channel) => {
      const subscription = this.#wanted.get(channel);
      if (subscription) void this.#resubscribe(channel, subscription).then(() => this.#gap());
    });
  }

  subscribe(channel: string, listener: Listener): Promise<void> {
    return this.#add(channel, { listener, raw: false, pattern: false, at: undefined });
  }

  subscribeRaw(channel: string, listener: RawListener, as?: 'pattern'): Promise<void> {
    return this.#add(channel, { listener, raw: true, pattern: as === 'pattern', at: undefined });
  }

  unsubscribe(channel: string): Promise<void> {
    const subscription = this.#wanted.get(channel);
    this.#wanted.delete(channel);
    return this.#inTurn(channel, async () => {
      // If it fails, the subscription has ended with its connection.
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
        const check = () => {
          if (answers() === before) return;
          before = !before;
          listener(before);
        };
        shards.events.on('pulse', check).on('moved', check);
      },
    };
  }

  #gap(): void {
    for (const listener of this.#gapListeners) listener();
  }

  #add(channel: string, subscription: Subscription): Promise<void> {
    this.#wanted.set(channel, subscription);
    return this.#inTurn(channel, () => this.#begin(channel, subscription));
  }

  /** Subscribes the channels whose server has changed at their current server. */
  async #follow(): Promise<void> {
    const moved = [...this.#wanted].filter(
      ([channel, { at }]) => at !== undefined && at !== this.#shards.of(channel)?.subscribe,
    );
    if (moved.length === 0) return;
    await Promise.all(moved.map(([channel, subscription]) => this.#resubscribe(channel, subscription)));
    this.#gap();
  }

  #resubscribe(channel: string, subscription: Subscription): Promise<void> {
    return this.#inTurn(channel, async () => {
      // The old server may be healthy, and would deliver twice if the channel moved back to it. (At the current server
      // an unsubscribe in progress would drop the new subscription with the old one.)
      const hasMoved = subscription.at !== this.#shards.of(channel)?.subscribe;
      if (hasMoved && subscription.at?.isReady) void this.#end(channel, subscription).catch(() => {});
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

  /** Never rejects. Stops when the channel is unsubscribed or the servers are closed. */
  #begin(channel: string, subscription: Subscription): Promise<void> {
    const attempt = async () => {
      if (this.#wanted.get(channel) !== subscription || !this.#shards.isOpen) return;
      const client = this.#shards.of(channel)?.subscribe;
      try {
        if (!client) throw new Error('no server is known to have the channel');
        await this.#command(client, channel, subscription);
        subscription.at = client;
      } catch (error) {
        if (isRedirection(error)) await this.#shards.refresh();
        throw error;
      }
    };
    return retry(attempt, {
      onFailure: (error, failed) => {
        if (failed === 1) this.#logger.error({ reason: String(error) }, 'fan-out: subscribing failed, retrying');
      },
    });
  }

  #command(client: RedisClient, channel: string, { listener, raw, pattern }: Subscription): Promise<void> {
    const receive = listener as (message: string | Buffer, channel: string | Buffer) => void;
    if (this.kind === 'sharded') return client.sSubscribe(channel, receive, raw);
    return pattern ? client.pSubscribe(channel, receive, raw) : client.subscribe(channel, receive, raw);
  }

  #end(channel: string, { at, pattern }: Subscription): Promise<void> {
    if (!at) return Promise.resolve();
    if (this.kind === 'sharded') return at.sUnsubscribe(channel);
    return pattern ? at.pUnsubscribe(channel) : at.unsubscribe(channel);
  }
}

interface Subscription {
  listener: Listener | RawListener;
  raw: boolean;
  pattern: boolean;
  /** The connection on which it was subscribed last. */
  at: RedisClient | undefined;
}
