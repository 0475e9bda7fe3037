import type { ClientMessageId, FailureAck, UserId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { ChatCore, type CoreOptions, type CoreOutput, isHeld, type Outgoing, type Wire } from '../src/core/index.ts';
import { conversationId, EPOCH, failure, message, synced } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';

const OPTIONS: CoreOptions = {
  windowSize: 100,
  maxBacklog: 500,
  maxOutboxAgeMs: 3_600_000,
  maxSending: Number.POSITIVE_INFINITY,
};

/** A core of alice that is connected, and the requests that it has sent. */
function connected(options: Partial<CoreOptions> = {}, output: Partial<CoreOutput> = {}) {
  const nothing = () => {};
  const clock = new ManualClock();
  const core = new ChatCore(
    clock,
    { ...OPTIONS, ...options },
    {
      message: nothing,
      changed: nothing,
      counted: nothing,
      read: nothing,
      outboxChanged: nothing,
      acknowledged: nothing,
      discontinuity: nothing,
      caughtUp: nothing,
      ...output,
    },
  );
  const sent: { event: string; answer: (answer: object) => void }[] = [];
  const wire: Wire = {
    call: (event, _, onAnswer) => {
      if (event === 'sync') onAnswer(synced() as unknown as FailureAck);
      else sent.push({ event, answer: onAnswer as (answer: object) => void });
    },
  };
  const session = { userId: 'alice' as UserId, connectionId: 'c', gatewayId: 'g', serverTime: '', epoch: EPOCH };
  core.connected(wire, session as Parameters<ChatCore['connected']>[1]);
  core.outbox.start(wire);
  return { core, clock, sent };
}

function outgoing(order: number): Outgoing {
  const clientMessageId = `m${order}` as ClientMessageId;
  const draft = { clientMessageId, conversationId: conversationId(1), content: 'text', attachments: [], order };
  return { ...draft, sentAt: 0, queuedAt: Date.parse('2026-01-01T12:00:00Z'), status: 'queued', attempt: 0 };
}

describe('the core', () => {
  it('settles a message that arrives before its ack, unless only acks settle', () => {
    for (const onlyAcksSettle of [false, true]) {
      const settled: string[] = [];
      const { core, sent } = connected(
        { onlyAcksSettle },
        { acknowledged: ({ clientMessageId }) => settled.push(clientMessageId) },
      );
      core.outbox.add(outgoing(1));
      const stored = message(1, 1, { senderId: 'alice' as UserId, clientMessageId: 'm1' as ClientMessageId });
      core.event('new_message', stored);
      expect(settled).to.deep.equal(onlyAcksSettle ? [] : ['m1']);
      sent[0]?.answer({ ok: true, duplicate: false, message: stored });
      expect(settled).to.deep.equal(['m1']);
    }
  });

  it('pauses after a retryable refusal, unless the owner discards the message', () => {
    for (const discards of [false, true]) {
      const { core, sent } = connected(
        {},
        { outboxChanged: (refused) => discards && refused.status === 'queued' && core.outbox.discard(refused) },
      );
      core.outbox.add(outgoing(1));
      sent[0]?.answer(failure({ code: 'OVERLOADED', retryable: true, retryAfterMs: 1_000 }));
      core.outbox.add(outgoing(2));
      expect(sent).to.have.length(discards ? 2 : 1);
    }
  });

  it('holds the messages that it has delivered, and those that wait for others', () => {
    const { core } = connected();
    for (const seq of [1, 3]) core.event('new_message', message(1, seq));
    const state = core.state(conversationId(1));
    expect([1, 2, 3, 4].map((seq) => isHeld(state, seq))).to.deep.equal([true, false, true, false]);
  });
});
