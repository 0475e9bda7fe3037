import type { BatchReply } from '@chat-cluster/contracts';
import type { Publisher, Pulse, Subscriber } from '@chat-cluster/redis';
import { backoff, type Logger, withDeadline } from '@chat-cluster/runtime';

/**
 * Replies go to the one gateway that sent the batch, over a pub/sub channel of its own. A lost reply is a time-out at the
 * gateway, whose client resends, and the store's dedupe answers.
 */
export class ReplyReceiver {
  readonly channel: string;
  /** Of the server that has the channel. */
  readonly pulse: Pick<Pulse, 'answers' | 'onChange'>;
  #waiting = new Map<string, { settle(reply: BatchReply | undefined): void; timer: NodeJS.Timeout; until: number }>();
  #sub: Subscriber;
  #logger: Logger;

  /** `instanceId` is unique for each life of a process: a reply for the one before it must not reach this one. */
  constructor(sub: Subscriber, instanceId: string, logger: Logger) {
    this.channel = `chat:reply:${instanceId}`;
    this.#sub = sub;
    this.#logger = logger;
    this.pulse = sub.pulseOf(this.channel);
    sub.onGap(() => this.#hurry());
  }

  start(): Promise<void> {
    return this.#sub.subscribe(this.channel, (text) => this.#receive(text));
  }

  stop(): Promise<void> {
    return this.#sub.unsubscribe(this.channel);
  }

  /** The reply to a batch, or undefined after `ms` milliseconds. Call it before the batch is queued. */
  expect(batchId: string, ms: number): { reply: Promise<BatchReply | undefined>; forget(): void } {
    const { promise: reply, resolve } = Promise.withResolvers<BatchReply | undefined>();
    const settle = (value: BatchReply | undefined) => {
      clearTimeout(this.#waiting.get(batchId)?.timer);
      this.#waiting.delete(batchId);
      resolve(value);
    };
    this.#waiting.set(batchId, { settle, timer: setTimeout(settle, ms, undefined), until: performance.now() + ms });
    return { reply, forget: () => settle(undefined) };
  }

  /** The channel is back after its connection was lost: replies sent meanwhile are lost, but for those sent again. */
  #hurry(): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.until - performance.now() <= AFTER_GAP_MS) continue;
      clearTimeout(waiting.timer);
      waiting.timer = setTimeout(waiting.settle, AFTER_GAP_MS, undefined);
    }
  }

  #receive(text: string): void {
    try {
      const reply = JSON.parse(text) as BatchReply;
      this.#waiting.get(reply.batchId)?.settle(reply);
    } catch (error) {
      this.#logger.error({ err: error }, 'a reply that can not be read was dropped');
    }
  }
}

/** More than the longest pause between two attempts to send a reply. */
const AFTER_GAP_MS = 1_500;
const ATTEMPTS = 8;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Sends a reply and resolves after the first attempt. One that Redis does not take, or that nobody hears (the gateway's
 * connection is broken, or the gateway is gone), is sent again in the background for a few seconds: the lane does not
 * wait for it, and a gateway that missed it times out.
 */
export async function sendReply(pub: Publisher, replyTo: string, reply: BatchReply): Promise<void> {
  const text = JSON.stringify(reply);
  const send = () =>
    pub.publish(replyTo, text).then(
      (heard) => heard > 0,
      () => false,
    );
  if (!(await withDeadline(send(), REPLY_DEADLINE_MS, 'reply').catch(() => false))) void sendAgain(send);
}

const REPLY_DEADLINE_MS = 2_000;

async function sendAgain(send: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await backoff(attempt, 100, LONGEST_PAUSE_MS);
    if (await send()) return;
  }
}
