import { setTimeout as delay } from 'node:timers/promises';
import { every } from '@chat-cluster/runtime';
import { connect, connectElsewhere, newUser, openConversation, quantile, type TestClient } from '@chat-cluster/testkit';
import type { Target } from '../target.ts';

/** Pause between two messages, and between two connects, in ms. */
const MESSAGE_EVERY_MS = 100;
const CONNECT_EVERY_MS = 1_000;
const MESSAGE_P99_MS = 1_000;
const CONNECT_MS = 2_000;
/** A single message that takes longer is a finding at once, in ms. */
const MESSAGE_LIMIT_MS = 5_000;

/**
 * Two users on two gateways exchange messages, and new users connect. Messages arrive within 1 s (p99), connects take
 * at most 2 s, no connection ends, and no message of the fuzzer arrives.
 */
export class HonestUsers implements AsyncDisposable {
  readonly messagesMs: number[] = [];
  readonly connectsMs: number[] = [];
  readonly problems: string[] = [];
  readonly #timeFactor: number;
  readonly #target: Target;
  #clients: TestClient[] = [];
  #stops: (() => Promise<void>)[] = [];
  #stopping = false;
  #sent = 0;

  private constructor(target: Target, timeFactor: number) {
    this.#target = target;
    this.#timeFactor = timeFactor;
  }

  static async start(target: Target, timeFactor: number): Promise<HonestUsers> {
    await using undo = new AsyncDisposableStack();
    const users = undo.use(new HonestUsers(target, timeFactor));
    await users.#start();
    undo.move();
    return users;
  }

  async #start(): Promise<void> {
    const [ann, ben] = [newUser('ann'), newUser('ben')];
    const first = await connect(this.#entry(0), ann, { transports: ['websocket'] });
    this.#clients.push(first);
    const options = { transports: ['websocket'] };
    this.#clients.push(await connectElsewhere(this.#entry(1), ben, first.session.gatewayId, options));
    const conversationId = await openConversation(this.#entry(0), ann, ben);
    for (const { userId, socket, messages } of this.#clients) {
      socket.on('disconnect', (reason) => {
        if (!this.#stopping) this.problems.push(`${userId} lost its connection: ${reason}`);
      });
      socket.on('new_message', ({ content }) => {
        messages.length = 0;
        if (!content?.startsWith('honest'))
          this.problems.push(`${userId} received a message of the fuzzer: ${content}`);
      });
    }
    const messages = every(MESSAGE_EVERY_MS, () => this.#exchange(conversationId));
    const connects = every(CONNECT_EVERY_MS, () => this.#connectNewUser());
    this.#stops = [messages.stop, connects.stop];
  }

  /** What the latencies break; call it at the end. */
  slowness(): string[] {
    const message = quantile(this.messagesMs, 0.99);
    const connected = quantile(this.connectsMs, 0.99);
    return [
      // NaN without a value, which exceeds nothing.
      ...(message > MESSAGE_P99_MS * this.#timeFactor ? [`messages took ${Math.round(message)} ms (p99)`] : []),
      ...(connected > CONNECT_MS * this.#timeFactor ? [`connects took ${Math.round(connected)} ms (p99)`] : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#stops.map((stop) => stop()));
    for (const client of this.#clients) client.close();
  }

  /** One message from either user to the other. */
  async #exchange(conversationId: string): Promise<void> {
    const number = this.#sent++;
    const [from, to] = number % 2 === 0 ? this.#clients : this.#clients.toReversed();
    if (!from || !to) return;
    const content = `honest ${number}`;
    const started = performance.now();
    const limit = MESSAGE_LIMIT_MS * this.#timeFactor;
    const received = new Promise<boolean>((resolve) => {
      const timer = setTimeout(settle, limit, false);
      function onMessage(message: { content?: string | null }) {
        if (message.content === content) settle(true);
      }
      function settle(isReceived: boolean) {
        clearTimeout(timer);
        to?.socket.off('new_message', onMessage);
        resolve(isReceived);
      }
      to.socket.on('new_message', onMessage);
    });
    const draft = { conversationId, content, clientMessageId: content.replace(' ', '-') };
    const ack = sendUntil(started + limit, from, draft).catch((error: Error) => ({ ok: false, error }));
    const [isReceived, answer] = await Promise.all([received, ack]);
    if (this.#stopping) return;
    this.messagesMs.push(performance.now() - started);
    if (!answer.ok) this.problems.push(`"${content}" was not acknowledged: ${JSON.stringify(answer)}`);
    else if (!isReceived) this.problems.push(`"${content}" was not delivered within ${limit} ms`);
  }

  async #connectNewUser(): Promise<void> {
    const started = performance.now();
    const index = this.connectsMs.length;
    try {
      // Every other one over polling, so that both paths of a handshake are used.
      const options = index % 2 === 0 ? { transports: ['websocket'] } : {};
      const client = await connect(this.#entry(index), newUser('guest'), options);
      this.connectsMs.push(performance.now() - started);
      client.close();
    } catch (error) {
      this.connectsMs.push(performance.now() - started);
      if (!this.#stopping) this.problems.push(`a new user could not connect: ${(error as Error).message}`);
    }
  }

  #entry(index: number): { url: string; jwtSecret: string } {
    const { ports, cluster } = this.#target;
    return { url: `http://127.0.0.1:${ports[index % ports.length]}`, jwtSecret: cluster.jwtSecret };
  }
}

/** Sends a message, again and again while a retryable error asks for it. */
async function sendUntil(deadline: number, { send }: TestClient, draft: object): ReturnType<TestClient['send']> {
  for (;;) {
    const answer = await send(draft);
    if (answer.ok || !answer.error.retryable || performance.now() > deadline) return answer;
    await delay(answer.error.retryAfterMs);
  }
}
