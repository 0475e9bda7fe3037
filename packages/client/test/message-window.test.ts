import { expect } from 'chai';
import type { Conversation } from '../src/types.ts';
import { connected, type Setup } from './connected-client.ts';
import { conversationId, message, part, synced } from './hand-made-server.ts';

const ID = conversationId(1);

describe('the window of a conversation that is full', () => {
  let setup: Setup;
  let conversation: Conversation;

  beforeEach(async () => {
    setup = await connected({ windowSize: 100 });
    conversation = setup.client.conversation(ID);
    await setup.clock.advance(10);
    setup.server.socket.take('sync').answer(synced({ feed: undefined, conversations: [part(1, 1, 0)] }));
    arrive(1, 300);
  });

  afterEach(() => setup.client.close());

  it('has the newest messages, and room for some more', () => {
    const { first, last, count } = shown();
    expect([last, last - first + 1]).to.deep.equal([300, count]);
    expect(count).to.be.within(80, 100);
  });

  it('keeps the older messages that are loaded, and drops the newest', async () => {
    const { first } = shown();
    await older(50);
    expect(shown()).to.deep.equal({ first: first - 50, last: first + 49, count: 100, holes: [[first + 50, 300]] });
  });

  it('does not move while older messages are read, from the request on', async () => {
    const { first } = shown();
    const loading = conversation.loadOlder(50);
    arrive(301, 400);
    expect(shown().first).to.equal(first);
    answer();
    await loading;
    const before = shown();
    arrive(401, 500);
    expect(shown()).to.deep.equal({ ...before, holes: [[before.last + 1, 500]] });
  });

  it('goes on with the newer messages, to the newest', async () => {
    await older(50);
    let { last } = shown();
    await hole(last + 1, last + 20);
    expect(shown()).to.include({ last: last + 20, count: 100 });
    arrive(301, 310);
    last = shown().last;
    expect(shown().holes).to.deep.equal([[last + 1, 310]]);
    await hole(last + 1, 310, () => arrive(311, 320));
    expect(shown()).to.include({ last: 320, count: shown().last - shown().first + 1 });
    expect(shown().holes).to.deep.equal([]);
  });

  it('keeps the newest messages when the user has gone back to them before the older ones are loaded', async () => {
    arrive(301, 310);
    const loading = conversation.loadOlder(50);
    conversation.read();
    answer();
    await loading;
    arrive(311, 400);
    expect(shown()).to.include({ last: 400, count: shown().last - shown().first + 1 });
  });

  it('keeps a load that is larger than itself, and the messages beside it', async () => {
    const { first } = shown();
    await older(200);
    const after = shown();
    expect(after.first).to.equal(Math.max(1, first - 200));
    expect(after.last).to.be.above(first);
  });

  function shown() {
    const { messages, holes } = conversation.messages.get();
    const seqs = messages.map(({ seq }) => seq as number);
    const [first = 0, last = 0] = [seqs[0], seqs.at(-1)];
    return { first, last, count: seqs.length, holes: holes.map(({ fromSeq, toSeq }) => [fromSeq, toSeq]) };
  }

  function arrive(from: number, to: number): void {
    for (let seq = from; seq <= to; seq++) setup.server.socket.push('new_message', message(1, seq));
  }

  async function older(count: number): Promise<void> {
    const loading = conversation.loadOlder(count);
    answer();
    await loading;
  }

  async function hole(fromSeq: number, toSeq: number, meanwhile = () => {}): Promise<void> {
    const loading = conversation.loadHole({ fromSeq, toSeq });
    meanwhile();
    answer();
    await loading;
  }

  function answer(): void {
    const { payload, answer } = setup.server.socket.take('sync');
    const [{ afterSeq }] = payload.conversations as [{ afterSeq: number }];
    answer(synced({ feed: undefined, conversations: [part(1, afterSeq + 1, afterSeq + payload.limit)] }));
  }
});
