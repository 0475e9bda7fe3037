import { setTimeout as delay } from 'node:timers/promises';
import { connect, newUser, openConversation, type Target, type TestClient } from '@chat-cluster/testkit';

/** A message among the bystanders, in milliseconds from when it was to be sent. Infinite: it never came. */
export interface Sample {
  /** When it was to be sent, on the clock of performance.now(). */
  at: number;
  ackMs: number;
  /** To the device of its receiver. */
  deliveryMs: number;
}

/** A client of the crowd and who writes to it. */
export interface Correspondence {
  sender: TestClient;
  conversationId: string;
}

interface Pair {
  conversationId: string;
  devices: [TestClient, TestClient];
}

/** Pairs of users on the gateway that stays. */
export async function gatherBystanders(target: Target, pairs: number): Promise<Pair[]> {
  return Promise.all(
    Array.from({ length: pairs }, async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const conversationId = await openConversation(target, a, b);
      const options = { transports: ['websocket'] };
      return {
        conversationId,
        devices: [await connect(target, a, options), await connect(target, b, options)],
      } as Pair;
    }),
  );
}

/** Acks are resent for by a client that keeps to the contract; here a late one counts as what it is. */
const ACK_WITHIN_MS = 15_000;

/** After the last ack: what arrives later counts as lost. */
const DELIVERED_WITHIN_MS = 5_000;

/** What bystanders say by the clock: to each other, which is measured, and as often to the crowd, wherever that is. */
export class Talk {
  /** Acknowledged messages to each client of the crowd. */
  readonly sentTo: number[];
  /** What was not acknowledged, by code. */
  readonly refused = new Map<string, number>();
  #pairs: readonly Pair[];
  #crowd: readonly Correspondence[];
  #sent: { at: number; ackedAt: number; arrivedAt: number }[] = [];
  #sending = new Set<Promise<void>>();
  #talking = true;
  #loop: Promise<void>;

  /** Begins at once, with `perSecond` messages of each kind. */
  constructor(pairs: readonly Pair[], crowd: readonly Correspondence[], perSecond: number) {
    this.#pairs = pairs;
    this.#crowd = crowd;
    this.sentTo = crowd.map(() => 0);
    for (const { devices } of pairs) {
      devices[1].socket.on('new_message', ({ clientMessageId }) => {
        const message = this.#sent[Number(clientMessageId)];
        if (message) message.arrivedAt = performance.now();
      });
    }
    this.#loop = this.#talk(perSecond);
  }

  /** Resolves when all that was sent is answered, and delivered, if that is soon. */
  async stop(): Promise<Sample[]> {
    this.#talking = false;
    await this.#loop;
    await Promise.all(this.#sending);
    const until = performance.now() + DELIVERED_WITHIN_MS;
    while (this.#sent.some(({ arrivedAt }) => arrivedAt === Number.POSITIVE_INFINITY) && performance.now() < until) {
      await delay(10);
    }
    return this.#sent.map(({ at, ackedAt, arrivedAt }) => ({ at, ackMs: ackedAt - at, deliveryMs: arrivedAt - at }));
  }

  async #talk(perSecond: number): Promise<void> {
    const start = performance.now();
    for (let i = 0; this.#talking; i++) {
      const due = start + (i * 1_000) / perSecond;
      const wait = due - performance.now();
      if (wait > 1) await delay(wait);
      this.#follow(this.#toEachOther(i, due));
      this.#follow(this.#toTheCrowd(i));
    }
  }

  #follow(sending: Promise<void>): void {
    const done = sending.finally(() => this.#sending.delete(done));
    this.#sending.add(done);
  }

  async #toEachOther(i: number, due: number): Promise<void> {
    const { conversationId, devices } = this.#pairs[i % this.#pairs.length] as Pair;
    const message = { at: due, ackedAt: Number.POSITIVE_INFINITY, arrivedAt: Number.POSITIVE_INFINITY };
    const clientMessageId = String(this.#sent.push(message) - 1);
    if (await this.#send(devices[0], { conversationId, content: 'hello', clientMessageId })) {
      message.ackedAt = performance.now();
    }
  }

  /** Spread over the whole crowd, so that a message waits for as many of its clients as possible. */
  async #toTheCrowd(i: number): Promise<void> {
    const at = (i * 7_919) % this.#crowd.length;
    const { sender, conversationId } = this.#crowd[at] as Correspondence;
    const acked = await this.#send(sender, { conversationId, content: 'hello there', clientMessageId: `crowd-${i}` });
    if (acked) this.sentTo[at] = (this.sentTo[at] ?? 0) + 1;
  }

  async #send(sender: TestClient, message: object): Promise<boolean> {
    const ack = await sender.socket
      .timeout(ACK_WITHIN_MS)
      .emitWithAck('send_message', message as never)
      .catch(() => ({ ok: false as const, error: { code: 'NO_ACK' } }));
    if (!ack.ok) this.refused.set(ack.error.code, (this.refused.get(ack.error.code) ?? 0) + 1);
    return ack.ok;
  }
}
