import { expect } from 'chai';
import { memoryStore } from '../src/testing/index.ts';
import type { ChatStore, StoreChange, StoredState } from '../src/types.ts';
import { connected } from './connected-client.ts';
import { conversationId, message, settle } from './hand-made-server.ts';

const ID = conversationId(1);
const ALICE = 'https://chat.example.com alice';

describe('writes to the store of a client', () => {
  it('is written one transaction at a time, with all messages that were received in that time', async () => {
    const store = new HeldStore();
    const { client, server } = await connected({ store });
    for (let seq = 1; seq <= 20; seq++) {
      server.socket.push('new_message', message(1, seq));
      await turns();
    }
    expect(store.underWay).to.equal(1);
    for (let i = 0; i < 3; i++) {
      await store.finish();
      await settle();
    }
    expect(store.writes.length).to.be.at.most(3);
    expect(store.writes.flatMap(({ conversations = [] }) => conversations).at(-1)?.lastSeq).to.equal(20);
    await store.release();
    await client.close();
  });

  it('gets a message in the task of `send`, whatever is being written', async () => {
    const store = new HeldStore();
    const { client, server } = await connected({ store });
    server.socket.push('new_message', message(1, 1));
    await settle();
    const before = store.underWay;
    expect(before, 'writes of the received message').to.be.above(0);
    for (const text of ['1', '2', '3']) {
      client.conversation(ID).send(text);
      await turns();
    }
    expect(store.texts()).to.deep.equal([['1'], ['2'], ['3']]);
    client.conversation(ID).send('4');
    client.conversation(ID).send('5');
    await turns();
    expect(store.texts().at(-1), 'of one task').to.deep.equal(['4', '5']);
    await store.release();
    await client.close();
    expect((await store.load(ALICE))?.outbox.map(({ content }) => content)).to.deep.equal(['1', '2', '3', '4', '5']);
  });

  it('has no more than 100 writes under way: the messages of later ones leave together', async () => {
    const store = new HeldStore();
    const { client, server } = await connected({ store });
    server.socket.lose();
    const texts = Array.from({ length: 150 }, (_, i) => `${i}`);
    for (const text of texts) {
      client.conversation(ID).send(text);
      await turns();
    }
    expect(store.underWay).to.equal(100);
    await store.release();
    await client.close();
    expect(store.writes.length).to.be.below(110);
    expect((await store.load(ALICE))?.outbox.map(({ content }) => content)).to.deep.equal(texts);
  });

  it('keeps nothing of a message that was discarded twice while its removal was being written', async () => {
    const store = new HeldStore();
    const { client, server } = await connected({ store });
    server.socket.lose();
    const conversation = client.conversation(ID);
    for (const content of ['first', 'second']) {
      conversation.send({ clientMessageId: 'm', content });
      await turns();
      conversation.discard('m');
      await turns();
    }
    await store.release();
    await client.close();
    expect((await store.load(ALICE))?.outbox).to.deep.equal([]);
  });

  it('that fails with several writes under way is reported once', async () => {
    const store = new HeldStore();
    const { client, server, events } = await connected({ store });
    server.socket.push('new_message', message(1, 1));
    for (const text of ['1', '2']) {
      client.conversation(ID).send(text);
      await turns();
    }
    expect(store.underWay).to.be.above(2);
    store.fail(new Error('QuotaExceededError'));
    await settle();
    expect(events.error.map(({ code }) => code)).to.deep.equal(['STORE_FAILED']);
    expect(client.outbox.get().map(({ content }) => content)).to.deep.equal(['1', '2']);
    await client.close();
  });
});

/** Lets all callbacks run that need no other task. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await null;
}

/** A store in memory whose writes of Alice are under way until the test ends them. */
class HeldStore implements ChatStore {
  readonly writes: StoreChange[] = [];
  #store = memoryStore();
  #held: PromiseWithResolvers<void>[] = [];
  #isReleased = false;

  get underWay(): number {
    return this.#held.length;
  }

  /** Texts of each write that has messages. */
  texts(): (string | null)[][] {
    const outboxes = this.writes.map(({ outbox = [] }) => outbox.map(({ content }) => content));
    return outboxes.filter((texts) => texts.length > 0);
  }

  load(key: string): Promise<StoredState | undefined> {
    return this.#store.load(key);
  }

  async write(key: string, change: StoreChange): Promise<void> {
    const written = this.#store.write(key, change);
    if (key !== ALICE) return written;
    this.writes.push(change);
    if (this.#isReleased) return;
    const held = Promise.withResolvers<void>();
    this.#held.push(held);
    await held.promise;
  }

  delete(key: string): Promise<void> {
    return this.#store.delete(key);
  }

  /** Ends the writes under way. */
  async finish(): Promise<void> {
    for (const { resolve } of this.#held.splice(0)) resolve();
  }

  fail(error: Error): void {
    for (const { reject } of this.#held.splice(0)) reject(error);
  }

  /** Ends the writes under way, and holds none from now on. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await this.finish();
  }
}
