import type { ConversationId, Entry } from '@chat-cluster/contracts';
import { emptyOutcome, newConversationId, storeBatch } from '@chat-cluster/domain';
import { expect } from 'chai';
import fc from 'fast-check';
import { memoryWorld } from './memory-world.ts';
import { postgresWorld } from './postgres-world.ts';
import { eventsOf, newStage, plan, type Stage } from './scripts.ts';
import { newPair, newUsers, read, send, type World } from './world.ts';

/** `runs`: random plans per property. */
const stores: [name: string, open: () => Promise<World & { close?(): Promise<void> }>, runs: number][] = [
  ['in memory', async () => memoryWorld(), 100],
  ['on Postgres', postgresWorld, 20],
];

for (const [name, open, numRuns] of stores) {
  describe(`a batch stored ${name}`, () => {
    let world: World & { close?(): Promise<void> };

    before(async () => {
      world = await open();
    });
    after(() => world.close?.());

    const kinds = (results: { kind: string }[]) => results.map((result) => result.kind);
    const contents = async (id: ConversationId) => (await world.history(id)).map(({ content }) => content);

    it('returns the result of each entry in its place, and the messages in order', async () => {
      const [one, two] = [await newPair(world), await newPair(world)];
      const attachments = [{ url: 'https://files.example.com/a.png', type: 'IMAGE' as const }];
      const sends = [
        send(one.id, one.a, one.b, { content: '1' }),
        send(two.id, two.b, two.a, { content: null, attachments }),
        send(one.id, one.b, one.a, { content: '2' }),
      ];
      const entries: Entry[] = [...sends];
      entries.splice(2, 0, read(two.id, two.a, two.b));
      const { results, messages, badges } = await storeBatch(world, entries);
      expect(kinds(results)).to.deep.equal(['stored', 'stored', 'read', 'stored']);
      expect(messages.map(({ id }) => id)).to.deep.equal(sends.map(({ id }) => id));
      expect(messages.map(({ seq }) => seq)).to.deep.equal([1, 1, 2]);
      expect(messages[1]).to.deep.include({ content: null, attachments, receiverId: two.a, isRead: false });
      expect(badges).to.deep.equal([
        { userId: one.b, conversationId: one.id },
        { userId: two.a, conversationId: two.id },
        { userId: two.a, conversationId: two.id },
        { userId: one.a, conversationId: one.id },
      ]);
    });

    it('stores a resend in the same batch once, and returns the first result for it', async () => {
      const { id, a, b } = await newPair(world);
      const [first, resend, foreign] = [
        send(id, a, b, { key: 'k', content: 'first' }),
        send(id, a, b, { key: 'k', content: 'second' }),
        send(id, b, a, { key: 'k', content: 'of the other sender' }),
      ];
      const { results, messages, badges } = await storeBatch(world, [first, resend, foreign]);
      expect(kinds(results)).to.deep.equal(['stored', 'duplicate', 'stored']);
      expect(results[1]).to.deep.equal({ kind: 'duplicate', message: messages[0] });
      expect(await contents(id)).to.deep.equal(['first', 'of the other sender']);
      expect(badges).to.have.length(2);
    });

    it('returns the first result for a resend in a later batch, and no events', async () => {
      const { id, a, b } = await newPair(world);
      const attachments = [{ url: 'https://files.example.com/a.pdf', type: 'PDF' as const }];
      const first = await storeBatch(world, [send(id, a, b, { key: 'k', content: null, attachments })]);
      const again = await storeBatch(world, [send(id, a, b, { key: 'k', content: 'other' })]);
      expect(again).to.deep.equal({
        ...emptyOutcome(),
        results: [{ kind: 'duplicate', message: first.messages[0] }],
      });
    });

    it('distinguishes client message ids that differ only by a space, quotes or case', async () => {
      const { id, a, b } = await newPair(world);
      const { results } = await storeBatch(world, [
        send(id, a, b, { key: 'x' }),
        send(id, a, b, { key: 'x ' }),
        send(id, a, b, { key: '"x"' }),
        send(id, a, b, { key: 'X' }),
      ]);
      expect(kinds(results)).to.deep.equal(['stored', 'stored', 'stored', 'stored']);
    });

    it('rejects entries of a conversation that does not exist, and stores the others', async () => {
      const { id, a, b } = await newPair(world);
      const nowhere = newConversationId();
      const { stranger } = newUsers('stranger');
      const entries = [send(nowhere, a, b), send(id, a, b), read(nowhere, b, a), read(id, stranger, a), read(id, b, a)];
      const { results, messages, badges } = await storeBatch(world, entries);
      expect(kinds(results)).to.deep.equal(['rejected', 'stored', 'rejected', 'rejected', 'read']);
      expect(results[0]).to.have.nested.property('error.code', 'CONVERSATION_NOT_FOUND');
      expect(messages).to.have.length(1);
      expect(badges.every(({ conversationId }) => conversationId === id)).to.equal(true);
    });

    for (const [target, upToSeq] of [
      ['everything so far', null],
      ['more than there is', 99],
    ] as const) {
      it(`does not mark messages as read that were sent after a read of ${target}`, async () => {
        const { id, a, b } = await newPair(world);
        const outcome = await storeBatch(world, [
          send(id, a, b),
          read(id, b, a, upToSeq),
          send(id, a, b),
          send(id, a, b),
        ]);
        expect(outcome.results[1]).to.deep.equal({ kind: 'read', upToSeq: 1, unreadCount: 2 });
        expect(outcome.receipts.map(({ to, receipt }) => [to, receipt.upToSeq])).to.deep.equal([[[b, a], 1]]);
        expect(await world.totals([a, b])).to.deep.equal([0, 2]);
      });
    }

    it('returns one receipt for many reads, none for a read that moved nothing, and a badge for each', async () => {
      const { id, a, b } = await newPair(world);
      await storeBatch(world, [send(id, a, b), send(id, a, b), send(id, a, b)]);
      const moved = await storeBatch(world, [read(id, b, a, 2), read(id, b, a, 1)]);
      expect(moved.results).to.deep.equal(Array(2).fill({ kind: 'read', upToSeq: 2, unreadCount: 1 }));
      expect(moved.receipts.map(({ receipt }) => receipt.upToSeq)).to.deep.equal([2]);
      const unmoved = await storeBatch(world, [read(id, b, a, 1)]);
      expect(unmoved.receipts).to.deep.equal([]);
      expect(unmoved.badges).to.deep.equal([{ userId: b, conversationId: id }]);
    });

    it('sends a note to oneself and its receipt only to oneself, and never counts it as unread', async () => {
      const { me } = newUsers('me');
      const id = newConversationId();
      await world.open(id, [me]);
      const { results, badges, receipts } = await storeBatch(world, [send(id, me, me), read(id, me, me)]);
      expect(results[1]).to.deep.equal({ kind: 'read', upToSeq: 1, unreadCount: 0 });
      expect(receipts.map(({ to }) => to)).to.deep.equal([[me]]);
      expect(badges).to.deep.equal([{ userId: me, conversationId: id }]);
    });

    it('has no results and events when it is empty', async () => {
      expect(await storeBatch(world, [])).to.deep.equal(emptyOutcome());
    });

    it('has the same effect as its entries stored one by one', async () => {
      const property = fc.asyncProperty(plan, async (batches) => {
        const [atOnce, oneByOne] = [await newStage(world), await newStage(world)];
        for (const batch of batches) {
          const outcome = await storeBatch(world, atOnce.entriesOf(batch));
          const entries = oneByOne.entriesOf(batch);
          const outcomes = [];
          for (const entry of entries) outcomes.push(await storeBatch(world, [entry]));

          // The result of a read has mark and badge after its whole batch: the result of a last read in it.
          const results = await Promise.all(
            outcomes.flatMap(({ results }, i) => results.map((result) => lastReadResult(oneByOne, entries[i], result))),
          );
          expect(atOnce.plain(outcome.results)).to.deep.equal(oneByOne.plain(results));
          expect(eventsOf(atOnce, [outcome])).to.deep.equal(eventsOf(oneByOne, outcomes));
          expect(await atOnce.state()).to.deep.equal(await oneByOne.state());
        }
      });
      await fc.assert(property, { numRuns });
    });

    it('returns the same results and messages when it runs again, and changes nothing', async () => {
      const property = fc.asyncProperty(plan, fc.nat(12), async (batches, cut) => {
        const stage = await newStage(world);
        for (const batch of batches) {
          const entries = stage.entriesOf(batch);
          const first = await storeBatch(world, entries);
          const before = await stage.state();
          const again = await storeBatch(world, entries);
          expect(again.results).to.deep.equal(first.results);
          expect(again.messages).to.deep.equal(first.messages);
          expect(eventsOf(stage, [again]).badges).to.deep.equal(eventsOf(stage, [first]).badges);
          expect(await stage.state()).to.deep.equal(before);
          // Also in two parts, as after a split. (A read of everything so far then includes sends of the second part.)
          const outcomes = [];
          for (const part of [entries.slice(0, cut), entries.slice(cut)]) {
            outcomes.push(await storeBatch(world, part));
          }
          expect(outcomes.flatMap(({ messages }) => messages)).to.deep.equal(first.messages);
          expect((await stage.state()).history).to.deep.equal(before.history);
        }
      });
      await fc.assert(property, { numRuns });
    });
  });
}

async function lastReadResult<T>(stage: Stage, entry: Parameters<Stage['readNow']>[0] | undefined, result: T) {
  return (entry && (await stage.readNow(entry))) ?? result;
}

describe('the store on Postgres', () => {
  it('has the same effect as the simple store in memory', async () => {
    const [memory, postgres] = [memoryWorld(), await postgresWorld()];
    try {
      const property = fc.asyncProperty(plan, async (batches) => {
        const [expected, real] = [await newStage(memory), await newStage(postgres)];
        for (const batch of batches) {
          const model = await storeBatch(memory, expected.entriesOf(batch));
          const outcome = await storeBatch(postgres, real.entriesOf(batch));
          expect(real.plain(outcome)).to.deep.equal(expected.plain(model));
          expect(await real.state()).to.deep.equal(await expected.state());
        }
      });
      await fc.assert(property, { numRuns: 30 });
    } finally {
      await postgres.close();
    }
  });
});
