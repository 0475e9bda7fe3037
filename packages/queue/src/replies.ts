import type { BatchReply } from '@chat-cluster/contracts';
import { CLUSTER_NAME, type Publisher, type Pulse, type Subscriber } from '@chat-cluster/redis';
import { type Logger, retry, withDeadline } from '@chat-cluster/runtime';

/**
 * Receives the replies to the batches of one gateway, over a pub/sub channel that only this gateway subscribes to. If a
 * reply is lost, the wait at the gateway times out; the client resends, and the store recognises the resend.
 */
export class ReplyReceiver {
  readonly channel: string;
  /** Whether the server of the channel responds. */
  readonly pulse: Pick<Pulse, 'answers' | 'onChange'>;
  #waits = new Map<string, { settle(reply: BatchReply | undefined): void; timer: NodeJS.Timeout; until: number }>();
  #sub: Subscriber;
  #logger: Logger;

  /** `instanceId` is unique for each start of a process: a reply to its predecessor must not reach it. */
  constructor(sub: Subscriber, instanceId: string, logger: Logger) {
    this.channel = `${CLUSTER_NAME}:reply:${instanceId}`;
    this.#sub = sub;
    this.#logger = logger;
    this.pulse = sub.pulseOf(this.channel);
    sub.onGap(() => this.#shortenWaits());
  }

  start(): Promise<void> {
    return this.#sub.subscribe(this.channel, (text) => this.#receive(text));
  }

  stop(): Promise<void> {
    return this.#sub.unsubscribe(this.channel);
  }

  /** The reply to a batch, or undefined after `ms` milliseconds. Call it before the batch is appended to its lane. */
  expect(batchId: string, ms: number): { reply: Promise<BatchReply | undefined>; cancelWait(): void } {
    const { promise: reply, resolve } = Promise.withResolvers<BatchReply | undefined>();
    const settle = (value: BatchReply | undefined) => {
      clearTimeout(this.#waits.get(batchId)?.timer);
      this.#waits.delete(batchId);
      resolve(value);
    };
    this.#waits.set(batchId, { settle, timer: setTimeout(settle, ms, undefined), until: performance.now() + ms });
    return { reply, cancelWait: () => settle(undefined) };
  }

  /** Called when the channel's connection is back: replies that were published meanwhile arrive only if repeated. */
  #shortenWaits(): void {
    for (const wait of this.#waits.values()) {
      if (wait.until - performance.now() <= WAIT_AFTER_GAP_MS) continue;
      clearTimeout(wait.timer);
      wait.timer = setTimeout(wait.settle, WAIT_AFTER_GAP_MS, undefined);
    }
  }

  #receive(text: string): void {
    try {
      const reply = JSON.parse(text) as BatchReply;
      this.#waits.get(reply.batchId)?.settle(reply);
    } catch (error) {
      this.#logger.error({ err: error }, 'dropped an unreadable reply');
    }
  }
}

/** Wait for a reply after a gap, in ms: longer than MAX_PAUSE_MS, so that a repeated reply arrives within it. */
const WAIT_AFTER_GAP_MS = 1_500;
/** Longest pause between two attempts to send a reply, in ms. */
const MAX_PAUSE_MS = 1_000;
const MAX_REPEATS = 8;
const PUBLISH_DEADLINE_MS = 2_000;

/**
 * Sends a reply and resolves after the first attempt. A reply that Redis rejects, or that no connection receives (the
 * gateway's connection is broken, or the gateway is dead), is repeated in the background for a few seconds. The lane
 * does not wait for it; a gateway that receives no reply times out.
 */
export function sendReply(pub: Publisher, replyTo: string, reply: BatchReply): Promise<void> {
  const text = JSON.stringify(reply);
  const publish = async () => {
    const receivers = await withDeadline(pub.publish(replyTo, text), PUBLISH_DEADLINE_MS, 'reply');
    if (receivers === 0) throw new Error('no gateway received the reply');
  };
  return new Promise((resolve) => {
    const onFailure = (error: unknown, attempt: number) => {
      resolve();
      if (attempt === MAX_REPEATS) throw error;
    };
    retry(publish, { minMs: 100, maxMs: MAX_PAUSE_MS, onFailure }).then(resolve, resolve);
  });
}
