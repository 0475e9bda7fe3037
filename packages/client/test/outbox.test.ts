import type { ClientMessageId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { Outbox, type Outgoing } from '../src/core/outbox.ts';
import { conversationId, failure, message } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';
import { ManualWire } from './manual-wire.ts';

describe('the outbox', () => {
  let clock: ManualClock;
  let wire: ManualWire;
  let outbox: Outbox;
  let acknowledged: string[];
  let order: number;

  beforeEach(() => {
    clock = new ManualClock();
    wire = new ManualWire();
    acknowledged = [];
    order = 0;
    outbox = create();
  });

  function create(options = { maxOutboxAgeMs: 86_400_000, maxSending: 1 }): Outbox {
    return new Outbox(clock, options, {
      changed: () => {},
      acknowledged: ({ clientMessageId }) => acknowledged.push(clientMessageId),
    });
  }

  function add(id: string, conversation = 1): Outgoing {
    const outgoing: Outgoing = {
      clientMessageId: id as ClientMessageId,
      conversationId: conversationId(conversation),
      content: id,
      attachments: [],
      sentAt: clock.now(),
      queuedAt: clock.now(),
      order: ++order,
      status: 'queued',
      attempt: 0,
    };
    outbox.add(outgoing);
    return outgoing;
  }

  function underWay(): string[] {
    return wire.received.map(({ payload }) => payload.clientMessageId);
  }

  /** Acknowledges the oldest message under way. */
  function acknowledge(): void {
    const { payload, answer } = wire.take('send_message');
    answer({ ok: true, duplicate: false, message: message(1, 1, { clientMessageId: payload.clientMessageId }) });
  }

  function refuse(code: Parameters<typeof failure>[0]['code'], fields: object = {}): void {
    wire.take('send_message').answer(failure({ code, retryable: true, ...fields }));
  }

  it('sends one message per conversation at a time, in order', () => {
    outbox.start(wire);
    for (const id of ['a1', 'a2']) add(id, 1);
    add('b1', 2);
    expect(underWay()).to.deep.equal(['a1', 'b1']);
    acknowledge();
    expect(underWay()).to.deep.equal(['b1', 'a2']);
  });

  it('sends several of a conversation at a time if its owner wants that', () => {
    outbox = create({ maxOutboxAgeMs: 86_400_000, maxSending: Number.POSITIVE_INFINITY });
    outbox.start(wire);
    for (const id of ['1', '2', '3']) add(id);
    expect(underWay()).to.deep.equal(['1', '2', '3']);
  });

  it('resends in order and with the same ids after a lost connection', () => {
    outbox.start(wire);
    for (const id of ['1', '2', '3']) add(id);
    outbox.stop();
    wire = new ManualWire();
    outbox.start(wire);
    for (const id of ['1', '2', '3']) {
      expect(underWay()).to.deep.equal([id]);
      acknowledge();
    }
    expect(acknowledged).to.deep.equal(['1', '2', '3']);
    expect(outbox.size).to.equal(0);
  });

  it('takes the late ack of an earlier attempt, and ignores its late refusal', () => {
    const first = wire;
    outbox.start(wire);
    add('1');
    outbox.stop();
    wire = new ManualWire();
    outbox.start(wire);
    const { answer, payload } = first.take('send_message');
    answer(failure({ code: 'REJECTED' }));
    expect(outbox.get('1' as ClientMessageId)?.status).to.equal('sending');
    answer({ ok: true, duplicate: false, message: message(1, 1, { clientMessageId: payload.clientMessageId }) });
    expect(acknowledged).to.deep.equal(['1']);
    acknowledge();
    expect(acknowledged).to.deep.equal(['1']);
  });

  it('waits as long as a refusal demands, also before messages of other conversations', async () => {
    outbox.start(wire);
    add('1');
    refuse('RATE_LIMITED', { retryAfterMs: 4_000 });
    add('2', 2);
    await clock.advance(3_999);
    expect(underWay()).to.deep.equal([]);
    await clock.advance(1_001);
    expect(underWay()).to.deep.equal(['1']);
  });

  it('sends one message after a refusal, then two, then four', async () => {
    outbox.start(wire);
    for (let i = 1; i <= 10; i++) add(String(i), i);
    for (let i = 1; i <= 10; i++) refuse('OVERLOADED', { retryAfterMs: 1_000 });
    await clock.advance(1_250);
    for (const expected of [1, 2, 4]) {
      expect(underWay()).to.have.length(expected);
      for (let i = 0; i < expected; i++) acknowledge();
    }
  });

  it('does not resend before everything under way is answered', async () => {
    outbox.start(wire);
    add('1', 1);
    add('2', 2);
    refuse('OVERLOADED', { retryAfterMs: 100 });
    await clock.advance(1_000);
    expect(underWay()).to.deep.equal(['2']);
    acknowledge();
    expect(underWay()).to.deep.equal(['1']);
  });

  it('resends a message without an answer after 10 s', async () => {
    outbox.start(wire);
    const outgoing = add('1');
    await clock.advance(10_000);
    expect(outgoing.status).to.equal('queued');
    await clock.advance(1_000);
    expect(underWay()).to.deep.equal(['1', '1']);
    expect(outgoing.status).to.equal('sending');
  });

  it('keeps a message that is refused because of the token, for the next connection', () => {
    outbox.start(wire);
    const outgoing = add('1');
    refuse('TOKEN_EXPIRED', { retryable: false });
    expect(outgoing.status).to.equal('queued');
  });

  it('fails a message that is refused for good, and sends those behind it', () => {
    outbox.start(wire);
    const outgoing = add('1');
    add('2');
    refuse('REJECTED', { retryable: false });
    expect(outgoing).to.deep.include({ status: 'failed' });
    expect(outgoing.error?.code).to.equal('REJECTED');
    expect(underWay()).to.deep.equal(['2']);
    expect(outbox.all().map(({ clientMessageId }) => clientMessageId)).to.deep.equal(['1', '2']);
  });

  it('sends once when the user retries during an automatic retry', async () => {
    outbox.start(wire);
    const outgoing = add('1');
    refuse('UNAVAILABLE');
    outbox.retry(outgoing);
    outbox.retry(outgoing);
    await clock.advance(2_000);
    outbox.retry(outgoing);
    expect(underWay()).to.deep.equal(['1']);
  });

  it('sends a failed message again in its place', () => {
    outbox.start(wire);
    const first = add('1');
    refuse('REJECTED', { retryable: false });
    outbox.stop();
    wire = new ManualWire();
    add('2');
    outbox.retry(first);
    outbox.start(wire);
    expect(underWay()).to.deep.equal(['1']);
  });

  it('fails messages that are too old, also without a connection, and the user decides', async () => {
    const outgoing = add('1');
    await clock.advance(86_400_000 - 1);
    expect(outgoing.status).to.equal('queued');
    await clock.advance(2_000);
    expect(outgoing.error).to.include({ code: 'EXPIRED_IN_OUTBOX', retryable: true });
    outbox.retry(outgoing);
    outbox.start(wire);
    expect(underWay()).to.deep.equal(['1']);
  });

  it('lets a message go that arrives on another path, and sends the next one', () => {
    outbox.start(wire);
    const outgoing = add('1');
    add('2');
    outbox.settle(outgoing, message(1, 1));
    expect(underWay()).to.deep.equal(['1', '2']);
    acknowledge();
    expect(acknowledged).to.deep.equal(['1']);
  });

  it('discards a message only while it is not under way', () => {
    const first = add('1');
    const second = add('2');
    outbox.start(wire);
    expect(outbox.discard(first)).to.equal(false);
    expect(outbox.discard(second)).to.equal(true);
    expect(outbox.size).to.equal(1);
  });

  it('leaves no timer behind', () => {
    outbox.start(wire);
    add('1');
    add('2', 2);
    refuse('OVERLOADED');
    outbox.clear();
    expect(clock.timers).to.equal(0);
  });
});
