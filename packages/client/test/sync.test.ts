import type { ConversationId, Session } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { createCore } from './core-output.ts';
import { conversationId, EPOCH, failure, message, OTHER_EPOCH, part, summary, synced } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';
import { ManualWire } from './manual-wire.ts';

const session = { userId: 'alice', epoch: EPOCH } as unknown as Session;
const NOTHING = { feed: undefined };

describe('the sync of a client', () => {
  let clock: ManualClock;
  let wire: ManualWire;
  let parts: ReturnType<typeof createCore>;

  beforeEach(() => {
    clock = new ManualClock();
    wire = new ManualWire();
    parts = createCore(clock);
  });

  function seqs(conversation = 1): number[] {
    return parts.messages.filter(({ conversationId: id }) => id === conversationId(conversation)).map(({ seq }) => seq);
  }

  function entry(conversation: number, lastSeq: number, fields: object = {}) {
    return { ...summary(conversation, lastSeq), readMarks: [], ...fields };
  }

  /** Knows conversation 1 up to `upTo`, has synced, and is connected. */
  function know(upTo: number): void {
    parts.core.connected(wire, session);
    wire.take('sync').answer(synced());
    parts.core.summary(summary(1, upTo));
    expect(parts.caughtUp()).to.equal(1);
  }

  function reconnect(): void {
    parts.core.disconnected();
    wire = new ManualWire();
    parts.core.connected(wire, session);
  }

  it('begins the feed with now, and goes on where it was', () => {
    know(3);
    expect(parts.core.sync.since).to.equal('s1');
    reconnect();
    expect(wire.take('sync').payload).to.deep.equal({ conversations: [], limit: 500, since: 's1' });
  });

  it('is one request per reconnect, whatever causes it', async () => {
    know(3);
    reconnect();
    parts.core.event('sync_required', { reason: 'fanout_gap' });
    parts.core.event('new_message', message(1, 6));
    await clock.advance(5_000);
    expect(wire.count('sync')).to.equal(1);
  });

  it('names a conversation again that was to be checked during its request: the answer may be older', () => {
    know(3);
    const { sync } = parts.core;
    sync.check(conversationId(1));
    const { answer } = wire.take('sync');
    sync.check(conversationId(1), true);
    answer(synced({ ...NOTHING, conversations: [part(1, 4, 3)] }));
    const again = wire.take('sync');
    expect(again.payload.conversations).to.deep.equal([{ id: conversationId(1), afterSeq: 3 }]);
    again.answer(synced({ ...NOTHING, conversations: [part(1, 4, 3)] }));
    expect(wire.count('sync')).to.equal(0);
    expect(sync.isBusy).to.equal(false);
  });

  it('requests again after the request under way when events were lost during it', async () => {
    know(3);
    reconnect();
    parts.core.event('sync_required', { reason: 'fanout_gap' });
    wire.take('sync').answer(synced({ feed: { conversations: [], since: 's2', hasMore: false } }));
    expect(parts.caughtUp()).to.equal(1);
    await clock.advance(1_000);
    expect(wire.take('sync').payload.since).to.equal('s2');
  });

  it('spreads the syncs that the server demands from all clients', async () => {
    know(3);
    clock.chance = 0.9;
    parts.core.event('sync_required', { reason: 'fanout_gap' });
    await clock.advance(400);
    expect(wire.count('sync')).to.equal(0);
    await clock.advance(100);
    expect(wire.count('sync')).to.equal(1);
  });

  it('waits as long as a refusal demands, and loses nothing by it', async () => {
    know(3);
    reconnect();
    wire.take('sync').answer(failure({ code: 'OVERLOADED', retryable: true, retryAfterMs: 3_000 }));
    await clock.advance(2_999);
    expect(wire.count('sync')).to.equal(0);
    await clock.advance(2_000);
    expect(wire.take('sync').payload.since).to.equal('s1');
    expect(parts.core.conversations.size).to.equal(1);
  });

  it('repeats a request without an answer, and ignores the late answer', async () => {
    know(3);
    reconnect();
    const first = wire.take('sync');
    await clock.advance(12_000);
    first.answer(synced({ feed: { conversations: [], since: 'late', hasMore: false } }));
    wire.take('sync').answer(synced({ feed: { conversations: [], since: 's2', hasMore: false } }));
    expect(parts.core.sync.since).to.equal('s2');
  });

  it('fills a gap, and delivers in order', async () => {
    know(3);
    parts.core.event('new_message', message(1, 6));
    expect(seqs()).to.deep.equal([]);
    await clock.advance(500);
    const { payload, answer } = wire.take('sync');
    expect(payload.conversations).to.deep.equal([{ id: conversationId(1), afterSeq: 3 }]);
    answer(synced({ ...NOTHING, conversations: [part(1, 4, 6)] }));
    expect(seqs()).to.deep.equal([4, 5, 6]);
  });

  it('requests nothing for a gap that closes by itself', async () => {
    know(3);
    parts.core.event('new_message', message(1, 5));
    parts.core.event('new_message', message(1, 4));
    await clock.advance(5_000);
    expect(wire.count('sync')).to.equal(0);
    expect(seqs()).to.deep.equal([4, 5]);
  });

  it('takes a single missed message from the feed, without another request', () => {
    know(3);
    reconnect();
    wire.take('sync').answer(synced({ feed: { conversations: [entry(1, 4)], since: 's2', hasMore: false } }));
    expect(seqs()).to.deep.equal([4]);
    expect(wire.count('sync')).to.equal(0);
    expect(parts.caughtUp()).to.equal(2);
  });

  it('names any number of conversations with missed messages, 100 at a time', () => {
    parts.core.connected(wire, session);
    wire.take('sync').answer(synced());
    for (let i = 1; i <= 350; i++) parts.core.summary(summary(i, 1));
    reconnect();
    const entries = Array.from({ length: 350 }, (_, i) => entry(i + 1, 3));
    for (let from = 0; from < 350; from += 100) {
      const feed = { conversations: entries.slice(from, from + 100), since: `s${from}`, hasMore: from < 300 };
      const { payload, answer } = wire.take('sync');
      expect(payload.conversations.length).to.be.at.most(100);
      answer(answerTo(payload.conversations, { feed }));
    }
    while (wire.count('sync') > 0) {
      const { payload, answer } = wire.take('sync');
      answer(answerTo(payload.conversations, NOTHING));
    }
    expect(parts.messages).to.have.length(700);
    expect(parts.core.sync.since).to.equal('s300');
    expect(parts.core.sync.isBusy).to.equal(false);
  });

  it('waits for a gateway that has a feed, and keeps its point', async () => {
    know(3);
    reconnect();
    wire.take('sync').answer(synced(NOTHING));
    expect(wire.count('sync')).to.equal(0);
    expect(parts.caughtUp()).to.equal(1);
    await clock.advance(3_000);
    const { payload, answer } = wire.take('sync');
    expect(payload.since).to.equal('s1');
    answer(synced());
    expect(parts.caughtUp()).to.equal(2);
  });

  it('checks everything when the server does not accept its point any more', async () => {
    know(3);
    reconnect();
    wire.take('sync').answer(failure({ code: 'VALIDATION_FAILED' }));
    await clock.advance(3_000);
    const { payload } = wire.take('sync');
    expect(payload).to.deep.include({ since: 'now', conversations: [{ id: conversationId(1), afterSeq: 3 }] });
  });

  it('refreshes the unread counts, and finds new conversations, when the server does not accept its point', async () => {
    know(3);
    parts.core.summary(summary(2, 7, { unreadCount: 4 }));
    reconnect();
    wire.take('sync').answer(failure({ code: 'VALIDATION_FAILED' }));
    await clock.advance(3_000);
    const unread = [1, 5].map((n) => ({ conversationId: conversationId(n), count: n }));
    wire.take('sync').answer(synced({ unread: { count: 6, conversations: unread }, conversations: [part(1, 4, 4)] }));
    expect([1, 2].map((n) => parts.core.state(conversationId(n)).unreadCount)).to.deep.equal([1, 0]);
    const { conversations } = wire.take('sync').payload;
    expect(conversations.map(({ id }: { id: ConversationId }) => id)).to.include(conversationId(5));
  });

  it('refreshes the unread counts with the first ack, of known conversations only', () => {
    parts.core.summary(summary(1, 3));
    parts.core.connected(wire, session);
    parts.core.event('unread_count', { count: 1, conversations: [{ conversationId: conversationId(1), count: 1 }] });
    const unread = [1, 5].map((n) => ({ conversationId: conversationId(n), count: 9 }));
    wire.take('sync').answer(synced({ unread: { count: 18, conversations: unread } }));
    expect(parts.core.state(conversationId(1)).unreadCount).to.equal(1);
    expect([...parts.core.conversations.keys()]).to.deep.equal([conversationId(1)]);
  });

  it('delivers an answer that has everything, also when it is longer than a backlog', () => {
    parts = createCore(clock, { maxBacklog: 50 });
    know(3);
    const window = parts.core.open(conversationId(1));
    wire.take('sync').answer(synced({ ...NOTHING, conversations: [part(1, 1, 80)] }));
    expect([seqs()[0], seqs().length]).to.deep.equal([4, 77]);
    expect(parts.discontinuities).to.deep.equal([]);
    expect([window.messages.length, window.holes(80)]).to.deep.equal([80, []]);
    expect(wire.count('sync')).to.equal(0);
  });

  it('skips a long backlog: the newest page, a hole, and a discontinuity', () => {
    know(3);
    parts.core.open(conversationId(1));
    wire.take('sync').answer(synced({ ...NOTHING, conversations: [part(1, 1, 3)] }));
    reconnect();
    wire.take('sync').answer(synced({ feed: { conversations: [entry(1, 900)], since: 's2', hasMore: false } }));
    const { payload, answer } = wire.take('sync');
    expect(payload.conversations).to.deep.equal([{ id: conversationId(1), afterSeq: 850 }]);
    answer(synced({ ...NOTHING, conversations: [part(1, 851, 900)] }));
    expect([seqs()[0], seqs().length]).to.deep.equal([851, 50]);
    expect(parts.discontinuities).to.deep.equal([conversationId(1)]);
    const state = parts.core.state(conversationId(1));
    expect(state.window?.holes(state.upTo as number)).to.deep.equal([{ fromSeq: 4, toSeq: 850 }]);
  });

  it('finds a backlog also in the answer, when no feed has announced it', () => {
    know(3);
    parts.core.sync.check(conversationId(1));
    wire
      .take('sync')
      .answer(synced({ ...NOTHING, hasMore: true, conversations: [part(1, 4, 503, { lastSeq: 900, hasMore: true })] }));
    expect(wire.take('sync').payload.conversations).to.deep.equal([{ id: conversationId(1), afterSeq: 850 }]);
    expect(seqs()).to.deep.equal([]);
  });

  it('delivers what is unread of a conversation that the feed shows first', () => {
    know(3);
    reconnect();
    const readMarks = [{ userId: 'alice', upToSeq: 2, readAt: null }];
    wire
      .take('sync')
      .answer(synced({ feed: { conversations: [entry(5, 4, { readMarks })], since: 's2', hasMore: false } }));
    wire.take('sync').answer(synced({ ...NOTHING, conversations: [part(5, 3, 4, { readMarks })] }));
    expect(seqs(5)).to.deep.equal([3, 4]);
  });

  it('holds a message of an unknown conversation until it knows where that begins', () => {
    know(3);
    const readMarks = [{ userId: 'alice', upToSeq: 5, readAt: null }];
    parts.core.event('new_message', message(5, 8));
    expect(seqs(5)).to.deep.equal([]);
    wire.take('sync').answer(synced({ ...NOTHING, conversations: [part(5, 1, 0, { lastSeq: 8, readMarks })] }));
    const { payload, answer } = wire.take('sync');
    expect(payload.conversations).to.deep.equal([{ id: conversationId(5), afterSeq: 5 }]);
    answer(synced({ ...NOTHING, conversations: [part(5, 6, 8, { readMarks })] }));
    expect(seqs(5)).to.deep.equal([6, 7, 8]);
  });

  it('discards everything but the outbox in another epoch, and ignores that answer', () => {
    know(3);
    reconnect();
    wire.take('sync').answer(synced({ epoch: OTHER_EPOCH, conversations: [part(1, 4, 9)] }));
    expect(seqs()).to.deep.equal([]);
    expect(parts.core.conversations.size).to.equal(0);
    expect(parts.discontinuities).to.deep.equal([undefined]);
    expect(wire.take('sync').payload.since).to.equal('now');
  });

  it('discards everything when only the feed shows another history', () => {
    know(3);
    reconnect();
    wire.take('sync').answer(synced({ feed: { conversations: [], since: 's9', hasMore: false, reset: true } }));
    expect(parts.discontinuities).to.deep.equal([undefined]);
    expect(wire.take('sync').payload.since).to.equal('now');
  });

  it('loads the windows anew after a restore', () => {
    know(3);
    const window = parts.core.open(conversationId(1));
    wire.take('sync').answer(synced({ ...NOTHING, conversations: [part(1, 1, 3)] }));
    parts.core.disconnected();
    wire = new ManualWire();
    parts.core.connected(wire, { ...session, epoch: OTHER_EPOCH } as unknown as Session);
    expect(window.messages).to.deep.equal([]);
    const answer = { ...NOTHING, epoch: OTHER_EPOCH };
    const first = wire.take('sync');
    expect(first.payload).to.deep.include({ since: 'now' });
    first.answer(synced({ epoch: OTHER_EPOCH, conversations: [part(1, 1, 0, { lastSeq: 2 })] }));
    wire.take('sync').answer(synced({ ...answer, conversations: [part(1, 1, 2)] }));
    expect(window.messages.map(({ seq }) => seq)).to.deep.equal([1, 2]);
    expect(seqs()).to.deep.equal([]);
  });

  it('pauses when messages that exist do not come, instead of asking in a loop', async () => {
    know(3);
    parts.core.event('new_message', message(1, 6));
    await clock.advance(500);
    wire.take('sync').answer(synced({ ...NOTHING, conversations: [part(1, 1, 0, { lastSeq: 3 })] }));
    expect(wire.count('sync')).to.equal(0);
    await clock.advance(3_000);
    expect(wire.count('sync')).to.equal(1);
  });

  it('drops a conversation of other users', () => {
    know(3);
    reconnect();
    wire.take('sync').answer(synced({ feed: { conversations: [entry(1, 9)], since: 's2', hasMore: false } }));
    wire.take('sync').answer(synced({ ...NOTHING, notFound: [conversationId(1)] }));
    expect(parts.core.conversations.size).to.equal(0);
    expect(parts.caughtUp()).to.equal(2);
  });

  it('keeps an unread count that came during the request', () => {
    know(3);
    reconnect();
    parts.core.event('unread_count', { count: 0, conversations: [{ conversationId: conversationId(1), count: 0 }] });
    const late = entry(1, 3, { unreadCount: 2 });
    wire.take('sync').answer(synced({ feed: { conversations: [late], since: 's2', hasMore: false } }));
    expect(parts.core.state(conversationId(1)).unreadCount).to.equal(0);
    reconnect();
    wire.take('sync').answer(synced({ feed: { conversations: [late], since: 's3', hasMore: false } }));
    expect(parts.core.state(conversationId(1)).unreadCount).to.equal(2);
  });

  function answerTo(asked: { id: ConversationId; afterSeq: number }[], fields: object): object {
    const conversations = asked.map(({ id, afterSeq }) => part(Number(id.slice(-12)), afterSeq + 1, 3));
    return synced({ ...fields, conversations });
  }
});
