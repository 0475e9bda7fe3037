/*
 * Longer than 250 lines on purpose: one table of planted bugs, and the small functions that plant them.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { DeviceHistory, History, SendAttempt } from '../src/history.ts';
import { checkHistory } from '../src/history-checker.ts';
import type { ViolationKind } from '../src/violation.ts';
import { correctHistory, type Step } from './history-model.ts';

const index = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      device: index,
      conversation: index,
      answer: fc.constantFrom(
        'acked' as const,
        'acked' as const,
        'stored' as const,
        'refused' as const,
        'nothing' as const,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('resend' as const),
      message: index,
      device: index,
      answer: fc.constantFrom('acked' as const, 'stored' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      user: index,
      conversation: index,
      answer: fc.constantFrom('acked' as const, 'unknown' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('miss' as const), device: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sync' as const), device: index }) },
);

describe('the history checker', () => {
  it('finds nothing in any history of a product that keeps its guarantees', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        expect(checkHistory(correctHistory(steps)).violations).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
  });

  it('counts messages, attempts and acks', () => {
    const { seen } = checkHistory(history());
    expect(seen).to.deep.equal({
      messages: 6,
      attempts: 8,
      acked: 5,
      changed: 0,
      refused: { UNAVAILABLE: 1, unknown: 1 },
      staleDevices: 0,
      lateLive: 0,
    });
  });

  describe('reports exactly', () => {
    /** Each entry plants one bug into a correct history. */
    const bugs: [name: string, kind: ViolationKind, plant: (history: History) => void][] = [
      ['an acknowledged message without a row', 'lost', (it) => forgetLast(it)],
      ['an acknowledged read mark that is not stored', 'lost', (it) => read(it, 'ben', 'c0', 99)],
      ['a message stored twice', 'duplicated', (it) => store(it, { ...last(it.database.messages), id: 'twice' })],
      [
        'a message that no client sent',
        'unexpected',
        (it) => store(it, { ...last(it.database.messages), clientMessageId: 'forged', id: 'f' }),
      ],
      ['a content that no client sent', 'unexpected', (it) => rewrite(it, 'c0-1', 'other words')],
      ['a message that was rejected for good and is stored', 'unexpected', (it) => refuseForGood(it)],
      ['two messages of a sender in the wrong order', 'outOfOrder', (it) => swap(it, 1, 2)],
      [
        'two messages pipelined on one connection in the wrong order',
        'outOfOrder',
        (it) => {
          pipeline(it);
          swap(it, 1, 2);
        },
      ],
      ['a gap in the seq', 'gap', (it) => renumber(it, 5, 6)],
      [
        'a last seq that is not the number of messages',
        'gap',
        (it) => {
          for (const one of it.database.conversations) one.lastSeq++;
        },
      ],
      ['an ack with another seq than the row', 'wrongAck', (it) => eachAck(it, 'm0', (ack) => (ack.seq = 0))],
      [
        'an ack of a duplicate with another id than the first ack',
        'wrongAck',
        (it) => (lastAck(it, 'm0').id = 'another'),
      ],
      ['an ack of a duplicate with another seq than the first ack', 'wrongAck', (it) => (lastAck(it, 'm0').seq = 3)],
      [
        'an ack of a duplicate without the mark of a duplicate',
        'wrongAck',
        (it) => (lastAck(it, 'm0').duplicate = false),
      ],
      [
        'a device that lacks a message after its last sync',
        'deviceDiffers',
        (it) => unsee(device(it, 'ann-2'), 'c0-2'),
      ],
      [
        'a device with a message that is not stored',
        'deviceDiffers',
        (it) => {
          device(it, 'ben-1').events.push({
            kind: 'message',
            at: 900,
            conversationId: 'c0',
            seq: 99,
            id: 'x',
            content: '',
          });
        },
      ],
      [
        'a device that received two messages with one seq',
        'deviceDiffers',
        (it) => {
          device(it, 'ben-1').events.push({
            kind: 'message',
            at: 900,
            conversationId: 'c0',
            seq: 1,
            id: 'x',
            content: '',
          });
        },
      ],
      [
        'a device that keeps its messages when the store has another epoch',
        'deviceDiffers',
        (it) => device(it, 'ben-1').events.unshift(lostMessage),
      ],
      [
        'a device that loads nothing after it has discarded its messages',
        'deviceDiffers',
        (it) => device(it, 'ben-1').events.push({ kind: 'restarted', at: 900, epoch: 'another' }),
      ],
      ['a stale badge', 'wrongBadge', (it) => device(it, 'ben-1').events.push({ kind: 'badge', at: 900, count: 99 })],
      [
        'a device that never received a badge',
        'wrongBadge',
        (it) => {
          const ben = device(it, 'ben-1');
          ben.events = ben.events.filter((event) => event.kind !== 'badge' && (event.kind !== 'synced' || event.final));
        },
      ],
      [
        'a last sync with a wrong unread count',
        'wrongBadge',
        (it) => {
          for (const event of device(it, 'ben-1').events) if (event.kind === 'synced' && event.final) event.unread = 99;
        },
      ],
      [
        'a stored counter that is not the recount',
        'wrongCounter',
        (it) => {
          const participant = it.database.participants.find(({ userId }) => userId === 'ben');
          if (participant) participant.unreadCount++;
        },
      ],
      [
        'a process that ended by itself',
        'unexpectedExit',
        (it) => it.exits.push({ at: 1, process: 'worker-1', how: 'exit code 1', ordered: false }),
      ],
      ['an operation that was still in progress', 'unsettled', (it) => it.unsettled.push('ann-1 is not connected')],
    ];

    for (const [name, kind, plant] of bugs) {
      it(name, () => {
        const planted = history();
        plant(planted);
        const kinds = new Set(checkHistory(planted).violations.map((violation) => violation.kind));
        expect([...kinds]).to.deep.equal([kind]);
      });
    }
  });

  it('begins a new history of a device when the store has another epoch', () => {
    const restored = history();
    const reused = { ...lostMessage, id: 'c0-1' };
    device(restored, 'ben-1').events.unshift(lostMessage, reused, { kind: 'restarted', at: 0, epoch: 'another' });
    const { violations, seen } = checkHistory(restored);
    expect(violations).to.deep.equal([]);
    expect(seen.staleDevices).to.equal(0);
  });

  it('treats a send without an ack as one that may be stored or not, and may be stored late', () => {
    const stored = correctHistory([{ do: 'send', device: 0, conversation: 0, answer: 'stored' }]);
    const not = correctHistory([{ do: 'send', device: 0, conversation: 0, answer: 'nothing' }]);
    expect([checkHistory(stored).violations, checkHistory(not).violations]).to.deep.equal([[], []]);
  });

  it('asks no order of two sends under way at the same time on two connections', () => {
    const planted = history();
    pipeline(planted);
    for (const attempt of planted.sends.slice(1, 2)) attempt.connection = 'another';
    swap(planted, 1, 2);
    expect(checkHistory(planted).violations).to.deep.equal([]);
  });

  it('counts separately, and does not report, a device that receives a message only by its last sync', () => {
    const planted = history();
    const ben = device(planted, 'ben-1');
    const [missed] = unsee(ben, 'c0-2');
    for (const event of ben.events) if (event.kind === 'synced' && event.final && missed) event.messages.push(missed);
    const { violations, seen } = checkHistory(planted);
    expect(violations).to.deep.equal([]);
    expect(seen.staleDevices).to.equal(1);
  });

  it('counts separately a new message that arrives after a later one, but not a repeated one', () => {
    const planted = history();
    const { events } = device(planted, 'ben-1');
    const at = events.findIndex((event) => event.kind === 'message' && event.seq === 1);
    const [first] = events.splice(at, 1);
    const second = events.findIndex((event) => event.kind === 'message' && event.seq === 2);
    if (first) events.splice(second + 1, 0, first, structuredClone(first));
    expect(checkHistory(planted).seen.lateLive).to.equal(1);
  });
});

/** A message that a restore of the database has undone. Its number is assigned again. */
const lostMessage = { kind: 'message', at: 0, conversationId: 'c0', seq: 1, id: 'lost', content: '' } as const;

/** Three messages of ann to ben; one of ben, rejected and then stored; a resend; one without an ack. */
function history(): History {
  const send = (device: number, answer: 'acked' | 'stored' | 'refused'): Step => ({
    do: 'send',
    device,
    conversation: 0,
    answer,
  });
  return structuredClone(
    correctHistory([
      send(0, 'acked'),
      send(0, 'acked'),
      send(0, 'acked'),
      { do: 'send', device: 2, conversation: 0, answer: 'refused' },
      { do: 'resend', message: 3, device: 2, answer: 'acked' },
      { do: 'resend', message: 0, device: 1, answer: 'acked' },
      { do: 'send', device: 1, conversation: 1, answer: 'stored' },
      send(0, 'acked'),
    ]),
  );
}

function device(it: History, id: string): DeviceHistory {
  return it.devices.find((one) => one.id === id) as DeviceHistory;
}

function last<T>(all: T[]): T {
  return all.at(-1) as T;
}

type Ack = Extract<SendAttempt['outcome'], { kind: 'acked' }>;

function acksOf(it: History, clientMessageId: string): Ack[] {
  return it.sends
    .filter((attempt) => attempt.clientMessageId === clientMessageId)
    .map(({ outcome }) => outcome)
    .filter((outcome) => outcome.kind === 'acked');
}

function eachAck(it: History, clientMessageId: string, change: (ack: Ack) => void): void {
  for (const ack of acksOf(it, clientMessageId)) change(ack);
}

function lastAck(it: History, clientMessageId: string): Ack {
  return last(acksOf(it, clientMessageId));
}

/**
 * As if the last message of c0 had been acknowledged but never stored: no device received it and no counter includes
 * it.
 */
function forgetLast(it: History): void {
  const gone = last(it.database.messages);
  it.database.messages.pop();
  for (const one of it.database.conversations) if (one.id === gone.conversationId) one.lastSeq--;
  for (const one of it.devices) unsee(one, gone.id);
  recount(it, gone.conversationId, gone.senderId, -1);
}

/** One more row at the end of its conversation, received by all devices and counted. */
function store(it: History, row: History['database']['messages'][number]): void {
  const conversation = it.database.conversations.find(({ id }) => id === row.conversationId);
  if (!conversation) return;
  const stored = { ...row, seq: ++conversation.lastSeq };
  it.database.messages.push(stored);
  for (const { conversations, events } of it.devices) {
    if (!conversations.includes(row.conversationId)) continue;
    const { conversationId, seq, id, content } = stored;
    events.splice(-2, 0, { kind: 'message', at: 800, conversationId, seq, id, content });
  }
  recount(it, row.conversationId, row.senderId, 1);
}

function recount(it: History, conversationId: string, senderId: string, by: number): void {
  for (const one of it.database.participants) {
    if (one.conversationId !== conversationId || one.userId === senderId) continue;
    one.recount += by;
    one.unreadCount += by;
    for (const { userId, events } of it.devices) {
      if (userId !== one.userId) continue;
      for (const event of events) {
        if (event.kind === 'synced') event.unread += by;
        if (event.kind === 'badge') event.count += by;
      }
    }
  }
}

function unsee(one: DeviceHistory, id: string) {
  const seen = one.events.flatMap((event) =>
    event.kind === 'synced' ? event.messages : event.kind === 'message' ? [event] : [],
  );
  one.events = one.events.filter((event) => event.kind !== 'message' || event.id !== id);
  for (const event of one.events) {
    if (event.kind === 'synced') event.messages = event.messages.filter((message) => message.id !== id);
  }
  return seen
    .filter((message) => message.id === id)
    .map(({ conversationId, seq, content }) => ({ conversationId, seq, id, content }));
}

function read(it: History, userId: string, conversationId: string, upToSeq: number): void {
  it.reads.push({ at: 900, userId, conversationId, outcome: { kind: 'acked', at: 905, upToSeq } });
}

function rewrite(it: History, id: string, content: string): void {
  for (const row of allOf(it)) if (row.id === id) row.content = content;
}

/** Every record of a stored message: its row, and the events of devices. */
function allOf(it: History) {
  return [
    ...it.database.messages,
    ...it.devices.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'synced' ? event.messages : event.kind === 'message' ? [event] : [])),
    ),
  ];
}

function refuseForGood(it: History): void {
  const attempt = it.sends.find(({ outcome }) => outcome.kind === 'unknown');
  if (attempt) attempt.outcome = { kind: 'refused', at: attempt.outcome.at, code: 'REJECTED', retryable: false };
}

/** Exchanges two seqs of c0 everywhere: in rows, acks and events of devices. */
function swap(it: History, a: number, b: number): void {
  renumber(it, a, -1);
  renumber(it, b, a);
  renumber(it, -1, b);
}

function renumber(it: History, from: number, to: number): void {
  for (const row of allOf(it)) if (row.conversationId === 'c0' && row.seq === from) row.seq = to;
  for (const { conversationId, outcome } of it.sends) {
    if (conversationId === 'c0' && outcome.kind === 'acked' && outcome.seq === from) outcome.seq = to;
  }
}

/** Removes the resend of m0, and moves the acks of m0, m1 and m2 after all their sends. */
function pipeline(it: History): void {
  it.sends = it.sends.filter(({ clientMessageId, device }) => clientMessageId !== 'm0' || device === 'ann-1');
  for (const { clientMessageId, outcome } of it.sends) {
    if (['m0', 'm1', 'm2'].includes(clientMessageId)) outcome.at = 100;
  }
}
