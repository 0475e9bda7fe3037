import type { ConversationId, FailureAck } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { DeliveredMarks, type Wire } from '../src/core/index.ts';
import { DELIVERED_CONVERSATIONS, RECEIPT_MEMBERS } from '../src/wire.ts';
import { conversationId, failure } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';

interface Report {
  conversations: { id: ConversationId; upToSeq: number }[];
}

/** The marks of a device in one tab, and the reports that it has sent. `live`: the connection. */
function setUp() {
  const clock = new ManualClock();
  const reports: Report['conversations'][] = [];
  const answers: object[] = [];
  const read = new Map<ConversationId, number>();
  const wire: Wire = {
    call(event, payload, onAnswer) {
      expect(event).to.equal('mark_delivered');
      reports.push((payload as Report).conversations);
      onAnswer((answers.shift() ?? { ok: true }) as FailureAck);
    },
  };
  const deps = {
    clock,
    core: { readUpTo: (id: ConversationId) => read.get(id) ?? 0 },
    tabs: { isLeading: true },
    live: wire as Wire | undefined,
  };
  return { clock, reports, answers, read, deps, wire, marks: new DeliveredMarks(deps) };
}

const [one, two, three] = [conversationId(1), conversationId(2), conversationId(3)];

describe('delivered marks', () => {
  it('are the newest of each conversation, once per second, without those that are read or of large groups', async () => {
    const { clock, reports, read, marks } = setUp();
    for (const seq of [1, 3, 2]) marks.add(one, seq);
    marks.add(two, 7, RECEIPT_MEMBERS);
    marks.add(three, 7, RECEIPT_MEMBERS + 1);
    await clock.advance(999);
    expect(reports).to.deep.equal([]);
    await clock.advance(1);
    marks.add(one, 4);
    marks.add(two, 8);
    read.set(two, 8);
    await clock.advance(10_000);
    expect(reports).to.deep.equal([
      [
        { id: one, upToSeq: 3 },
        { id: two, upToSeq: 7 },
      ],
      [{ id: one, upToSeq: 4 }],
    ]);
    expect(clock.timers).to.equal(0);
  });

  it('wait for a connection, and fill a request after another', async () => {
    const { clock, reports, deps, wire, marks } = setUp();
    deps.live = undefined;
    for (let i = 0; i <= DELIVERED_CONVERSATIONS; i++) marks.add(conversationId(i), 1);
    await clock.advance(10_000);
    deps.live = wire;
    marks.start();
    await clock.advance(1_000);
    expect(reports.map(({ length }) => length)).to.deep.equal([DELIVERED_CONVERSATIONS]);
    await clock.advance(1_000);
    expect(reports.map(({ length }) => length)).to.deep.equal([DELIVERED_CONVERSATIONS, 1]);
  });

  it('are sent again after a pause when they are refused, unless that is final', async () => {
    const { clock, reports, answers, marks } = setUp();
    answers.push(failure({ code: 'OVERLOADED', retryable: true, retryAfterMs: 4_000 }));
    answers.push(failure({ code: 'UNKNOWN_EVENT', retryable: false }));
    marks.add(one, 5);
    await clock.advance(1_000);
    marks.add(one, 4);
    await clock.advance(3_999);
    expect(reports).to.have.length(1);
    await clock.advance(10_000);
    expect(reports).to.deep.equal([[{ id: one, upToSeq: 5 }], [{ id: one, upToSeq: 5 }]]);
  });
});
