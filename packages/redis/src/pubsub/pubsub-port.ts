import type { Pulse } from '../connection/pulse.ts';

/**
 * Publish and subscribe for the whole cluster: a message reaches the processes that subscribe at that moment and is not
 * stored. All processes must use the same kind. `sharded` (Redis 7 and newer): a gateway subscribes to the rooms that
 * it holds, and on a Redis Cluster a message stays on one server. `classic` (older servers): every gateway receives
 * every emit.
 */
export interface PubSub {
  publisher: Publisher;
  subscriber: Subscriber;
  close(): Promise<void>;
}

export type PubSubKind = 'sharded' | 'classic';

export interface Publisher {
  readonly kind: PubSubKind;
  /**
   * Resolves with the number of connections that received the message. Rejects at once while the server of the channel
   * is away, and has no time limit while it hangs. All messages of one event-loop turn are sent in one write.
   */
  publish(channel: string, message: string | Buffer): Promise<number>;
  /** False while no server accepts messages. */
  readonly answers: boolean;
  /** Calls `listener` when channels moved to another server: the newest messages may have reached only the old one. */
  onMoved(listener: () => void): void;
}

/** A channel has one listener. Subscribing to it again without `unsubscribe` is a mistake of the caller. */
export interface Subscriber {
  readonly kind: PubSubKind;
  /** Resolves when the subscription is active. Retries until then, or until `unsubscribe` or `close` is called. */
  subscribe(channel: string, listener: Listener): Promise<void>;
  /** As `subscribe`, with the raw bytes. Of kind `classic` also for all channels that match a pattern. */
  subscribeRaw(channel: string, listener: RawListener, as?: 'pattern'): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Resolves when the last request for the channel is done. */
  settled(channel: string): Promise<void>;
  /** Calls `listener` when subscriptions are restored after messages may have been lost. */
  onGap(listener: () => void): void;
  /** Whether the server of a channel responds. */
  pulseOf(channel: string): Pick<Pulse, 'answers' | 'onChange'>;
}

export type Listener = (message: string) => void;
export type RawListener = (message: Buffer, channel: Buffer) => void;
