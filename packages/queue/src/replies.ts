import type { BatchReply } from '@chat-cluster/contracts';
import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

/**
 * Replies go to the one gateway that sent the batch, over a pub/sub channel of its own. At most once: a lost reply is a
 * time-out at the gateway, whose client resends, and the store's dedupe answers. Sharded pub/sub, so that it scales
 * like the fan-out on a Redis Cluster.
 */
export class ReplyReceiver {
  readonly channel: string;
  #waiting = new Map<string, (reply: BatchReply) => void>();
  #sub: RedisClient;
  #logger: Logger;

  /** `instanceId` is unique for each life of a process: a reply for the one before it must not reach this one. */
  constructor(sub: RedisClient, instanceId: string, logger: Logger) {
    this.channel = `chat:reply:${instanceId}`;
    this.#sub = sub;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    await this.#sub.sSubscribe(this.channel, (text) => this.#receive(text));
  }

  async stop(): Promise<void> {
    await this.#sub.sUnsubscribe(this.channel);
  }

  /** The reply to a batch, or undefined after `ms` milliseconds. Call it before the batch is queued. */
  expect(batchId: string, ms: number): { reply: Promise<BatchReply | undefined>; forget(): void } {
    let settle: (reply: BatchReply | undefined) => void = () => {};
    const reply = new Promise<BatchReply | undefined>((resolve) => {
      settle = resolve;
    });
    const timer = setTimeout(() => done(undefined), ms);
    const done = (value: BatchReply | undefined) => {
      clearTimeout(timer);
      this.#waiting.delete(batchId);
      settle(value);
    };
    this.#waiting.set(batchId, done);
    return { reply, forget: () => done(undefined) };
  }

  #receive(text: string): void {
    try {
      const reply = JSON.parse(text) as BatchReply;
      this.#waiting.get(reply.batchId)?.(reply);
    } catch (error) {
      this.#logger.error({ err: error }, 'a reply that can not be read was dropped');
    }
  }
}

/** Sends a reply. Rejects when Redis does not take it; the gateway's time-out then answers its clients. */
export async function sendReply(pub: RedisClient, replyTo: string, reply: BatchReply): Promise<void> {
  await pub.sPublish(replyTo, JSON.stringify(reply));
}
