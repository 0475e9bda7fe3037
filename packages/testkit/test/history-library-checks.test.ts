import { expect } from 'chai';
import fc from 'fast-check';
import type { DeviceEvent, DeviceHistory, History, SeenMessage } from '../src/history.ts';
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
      answer: fc.constantFrom('acked' as const, 'stored' as const, 'refused' as const, 'nothing' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('resend' as const),
      message: index,
      device: index,
      answer: fc.constant('acked' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('miss' as const, 'sync' as const), device: index }) },
);

describe('the history checker, for devices on the client library', () => {
  it('finds nothing in any history in which the library keeps its promises', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        expect(checkHistory(onLibrary(correctHistory(steps))).violations).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });

  describe('reports exactly', () => {
    /** Each entry plants one bug into a correct history. */
    const bugs: [name: string, kind: ViolationKind, plant: (history: History) => void][] = [
      ['a message that was reported twice', 'misdelivered', (it) => reports(it, ([a, ...rest]) => [a, a, ...rest])],
      ['messages reported in the wrong order', 'misdelivered', (it) => reports(it, ([a, b, c]) => [b, a, c])],
      ['a first message that is shown but was not reported', 'misdelivered', (it) => reports(it, ([, b, c]) => [b, c])],
      ['a last message that is shown but was not reported', 'misdelivered', (it) => reports(it, ([a, b]) => [a, b])],
      ['a message reported as stored that is not stored', 'lost', (it) => outbox(it, 'm9', 'stored', 9)],
      ['a message reported as stored with another seq', 'wrongAck', (it) => outbox(it, 'm0', 'stored', 2)],
      ['a message that stays on its way', 'unsent', (it) => outbox(it, 'm9', 'sending')],
      ['a failed message that was not discarded', 'unsent', (it) => outbox(it, 'm9', 'failed')],
      ['messages stored in another order than that of `send`', 'outOfOrder', (it) => queueInReverse(it)],
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

  it('demands none of this from stock devices', () => {
    const planted = history();
    reports(planted, ([a, b, c]) => [b, a, a, c]);
    outbox(planted, 'm9', 'sending');
    queueInReverse(planted);
    for (const device of planted.devices) delete device.client;
    expect(checkHistory(planted).violations).to.deep.equal([]);
  });

  it('demands no order of messages that another device sent too, or that were sent again later', () => {
    const [twice, again] = [history(), history()];
    queueInReverse(twice);
    twice.sends.push({ ...(twice.sends[0] as History['sends'][number]), device: 'ann-2', connection: 'ann-2#1' });
    for (const { outcome } of twice.sends) if (outcome.kind === 'acked') outcome.duplicate = true;
    outbox(again, 'm0', 'queued');
    outbox(again, 'm0', 'stored', 1);
    expect([twice, again].flatMap((one) => checkHistory(one).violations)).to.deep.equal([]);
  });

  it('lets a device begin anew when the store has another epoch, and show the history without reporting it', () => {
    const restored = history();
    const ben = deviceOf(restored, 'ben-1');
    const messages = ben.events.filter((event) => event.kind === 'message');
    const others = ben.events.filter((event) => event.kind !== 'message');
    ben.events = [
      ...messages.slice(0, 2),
      { kind: 'restarted', at: 0, epoch: 'another' },
      ...messages.slice(2),
      ...others,
    ];
    expect(checkHistory(restored).violations).to.deep.equal([]);
  });
});

/** Three messages of ann's first device to ben. */
function history(): History {
  const send: Step = { do: 'send', device: 0, conversation: 0, answer: 'acked' };
  return structuredClone(onLibrary(correctHistory([send, send, send])));
}

/**
 * The same history with all devices on the library: a sync reports its messages and shows everything, and what only one
 * device sent passes through its outbox.
 */
function onLibrary(it: History): History {
  return {
    ...it,
    devices: it.devices.map((device) => ({ ...device, client: 'library', events: eventsOf(it, device) })),
  };
}

function eventsOf({ sends, database }: History, { id, userId, events }: DeviceHistory): DeviceEvent[] {
  const shown: SeenMessage[] = [];
  const own = database.messages.filter(({ senderId, conversationId, clientMessageId }) => {
    const attempts = sends.filter(
      (one) => one.conversationId === conversationId && one.clientMessageId === clientMessageId,
    );
    return senderId === userId && attempts.every(({ device }) => device === id);
  });
  const statusOf = ({ conversationId, clientMessageId, seq }: (typeof own)[number], status: 'queued' | 'stored') =>
    ({
      kind: 'outbox',
      at: 0,
      conversationId,
      clientMessageId,
      status,
      ...(status === 'stored' ? { seq } : {}),
    }) as const;
  const [connected, ...rest] = events;
  return [
    connected as DeviceEvent,
    { kind: 'synced', at: 0, messages: [], unread: 0, final: false },
    ...own.map((row) => statusOf(row, 'queued')),
    ...own.map((row) => statusOf(row, 'stored')),
    ...rest.flatMap((event): DeviceEvent[] => {
      const messages = event.kind === 'synced' ? event.messages : event.kind === 'message' ? [event] : [];
      shown.push(...messages);
      if (event.kind !== 'synced') return [event];
      const reported = messages.map((message): DeviceEvent => ({ kind: 'message', at: event.at, ...message }));
      return [...reported, { ...event, messages: [...shown] }];
    }),
  ];
}

function deviceOf(it: History, id: string): DeviceHistory {
  return it.devices.find((one) => one.id === id) as DeviceHistory;
}

/** Replaces the three messages that ben's device reports. What it shows at the end does not change. */
function reports(it: History, change: (messages: DeviceEvent[]) => (DeviceEvent | undefined)[]): void {
  const ben = deviceOf(it, 'ben-1');
  const at = ben.events.findIndex(({ kind }) => kind === 'message');
  const reported = change(ben.events.filter(({ kind }) => kind === 'message')).filter((event) => event !== undefined);
  ben.events = ben.events.filter(({ kind }) => kind !== 'message').toSpliced(at, 0, ...reported);
}

type OutboxStatus = Extract<DeviceEvent, { kind: 'outbox' }>['status'];

function outbox(it: History, clientMessageId: string, status: OutboxStatus, seq?: number): void {
  const event = { kind: 'outbox', at: 900, conversationId: 'c0', clientMessageId, status } as const;
  deviceOf(it, 'ann-1').events.push(seq === undefined ? event : { ...event, seq });
}

/** As if ann had sent her last messages first: m0 is the last of the queue. */
function queueInReverse(it: History): void {
  const ann = deviceOf(it, 'ann-1');
  const at = ann.events.findIndex((event) => event.kind === 'outbox' && event.clientMessageId === 'm0');
  const [first] = ann.events.splice(at, 1);
  if (first) ann.events.splice(at + 2, 0, first);
}
