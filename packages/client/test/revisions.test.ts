import type { GroupOfMember, MessageChanged, Session, UserId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { Revisions } from '../src/groups/revisions.ts';
import { hiddenUpTo, olderPart, visibleParts } from '../src/groups/windows.ts';
import { createCore } from './core-output.ts';
import { conversationId, EPOCH, message, summary, synced } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';
import { ManualWire } from './manual-wire.ts';

const ID = conversationId(1);

describe('changes of messages', () => {
  it('are requested again while an older version of the message may arrive', async () => {
    const clock = new ManualClock();
    const wire = new ManualWire();
    const { core } = createCore(clock);
    const revisions = new Revisions({ core, changed: () => {} });
    core.extension = {
      requested: (id) => ({ afterRev: revisions.after(id) }),
      shows: (state, entry) => revisions.shown(state, entry),
    };
    core.connected(wire, { userId: 'alice', epoch: EPOCH } as unknown as Session);
    wire.take('sync').answer(synced());
    core.summary({ ...summary(1, 3), lastRev: 0 });
    const change = (seq: number, rev: number): MessageChanged => ({
      ...{ conversationId: ID, seq, rev, by: 'bob' as UserId, at: new Date(rev).toISOString() },
      edited: { content: `version ${rev}` },
    });
    revisions.receive({ ...change(1, 3), covers: [1, 2] });
    expect(core.state(ID).extra.rev, 'of history that is not loaded').to.equal(3);
    revisions.receive(change(4, 4));
    expect(core.state(ID).extra.rev, 'of a message that is on its way').to.equal(3);
    core.event('new_message', message(1, 4));
    await clock.advance(1_000);
    const { payload, answer } = wire.take('sync');
    expect(payload.conversations).to.deep.equal([{ id: ID, afterSeq: 4, afterRev: 3 }]);
    const latest = { ...message(1, 4), content: 'version 4', rev: 4 };
    const entry = { id: ID, messages: [], lastSeq: 4, hasMore: false, readMarks: [], changed: [latest], lastRev: 4 };
    answer(synced({ feed: undefined, conversations: [entry] }));
    expect(core.state(ID).lastMessage?.content).to.equal('version 4');
    expect(core.state(ID).extra.rev).to.equal(4);
    // The event of change 5, an edit, was lost: a version with the reaction alone would be none that the server had.
    const { edited, ...reacted } = change(4, 6);
    revisions.receive({ ...reacted, reactions: [{ emoji: '👍', count: 1 }] });
    expect(core.state(ID).lastMessage).to.deep.equal(latest);
    await clock.advance(1_000);
    const last = { ...latest, content: 'version 5', reactions: [{ emoji: '👍', count: 1 }], rev: 6 };
    const later = { ...entry, changed: [last], lastRev: 6 };
    wire.take('sync').answer(synced({ feed: undefined, conversations: [later] }));
    expect(core.state(ID).lastMessage).to.deep.equal(last);
  });
});

describe('the deletion of a quoted message', () => {
  it('empties the quotes of held replies, and is requested again while replies may be on their way', async () => {
    const clock = new ManualClock();
    const wire = new ManualWire();
    const { core } = createCore(clock);
    const revisions = new Revisions({ core, changed: () => {} });
    core.extension = {
      requested: (id) => ({ afterRev: revisions.after(id) }),
      shows: (state, entry) => revisions.shown(state, entry),
    };
    core.connected(wire, { userId: 'alice', epoch: EPOCH } as unknown as Session);
    wire.take('sync').answer(synced());
    const replyTo = { seq: 1, senderId: 'bob' as UserId, text: 'secret' };
    const reply = (seq: number) => ({ ...message(1, seq), replyTo });
    const window = core.open(ID);
    const readMarks = [{ userId: 'alice', upToSeq: 5, readAt: null }];
    const entry = { id: ID, lastSeq: 5, hasMore: false, readMarks, changed: [] };
    wire.take('sync').answer(synced({ feed: undefined, conversations: [{ ...entry, messages: [], lastRev: 0 }] }));
    const loaded = [message(1, 1), reply(4), reply(5)];
    wire.take('sync').answer(synced({ feed: undefined, conversations: [{ ...entry, messages: loaded, lastRev: 0 }] }));
    const quotes = () =>
      window.messages.flatMap(({ replyTo }) => replyTo?.text ?? (replyTo?.deleted ? ['deleted'] : []));
    expect(quotes()).to.deep.equal(['secret', 'secret']);
    window.loads = 1;
    const at = new Date(0).toISOString();
    revisions.receive({ conversationId: ID, seq: 1, rev: 1, by: 'bob' as UserId, at, deleted: true });
    expect(quotes()).to.deep.equal(['deleted', 'deleted']);
    expect(core.state(ID).extra.rev, 'while a load is under way').to.equal(0);
    window.extend([reply(3)]);
    window.loads = 0;
    await clock.advance(1_000);
    const { payload, answer } = wire.take('sync');
    expect(payload.conversations).to.deep.equal([{ id: ID, afterSeq: 5, afterRev: 0 }]);
    const changed = [{ ...message(1, 1), content: null, deletedAt: at, rev: 1 }];
    answer(synced({ feed: undefined, conversations: [{ ...entry, messages: [], changed, lastRev: 1 }] }));
    expect(quotes()).to.deep.equal(['deleted', 'deleted', 'deleted']);
    expect(core.state(ID).extra.rev).to.equal(1);
    expect(core.state(ID).lastMessage?.replyTo).to.deep.equal({ seq: 1, senderId: 'bob', text: null, deleted: true });
  });
});

describe('the windows of a user in a group', () => {
  const windows = [
    { fromSeq: 3, toSeq: 5 },
    { fromSeq: 9, toSeq: null },
  ];

  it('hide what lies between them: delivery goes on after it', () => {
    expect([0, 2, 3, 5, 7, 8].map((upTo) => hiddenUpTo(windows, upTo))).to.deep.equal([
      ...[2, undefined, undefined, 8, 8, undefined],
    ]);
    expect(hiddenUpTo([{ fromSeq: 1, toSeq: 5 }], 5), 'a former member').to.equal(undefined);
    expect(hiddenUpTo(windows, undefined)).to.equal(undefined);
  });

  it('cut holes, and what is older', () => {
    expect(visibleParts([{ fromSeq: 1, toSeq: 10 }], windows)).to.deep.equal([
      { fromSeq: 3, toSeq: 5 },
      { fromSeq: 9, toSeq: 10 },
    ]);
    const { core } = createCore(new ManualClock());
    const state = core.state(ID);
    const older = (upTo: number, group?: { windows: object[] }) => {
      state.upTo = upTo;
      state.extra = group ? { group: group as unknown as GroupOfMember } : {};
      return olderPart(state);
    };
    expect(older(10, { windows })).to.deep.equal({ fromSeq: 9, toSeq: 10 });
    expect(older(8, { windows })).to.deep.equal({ fromSeq: 3, toSeq: 5 });
    expect(older(2, { windows })).to.equal(undefined);
    expect(older(2)).to.deep.equal({ fromSeq: 1, toSeq: 2 });
  });
});
