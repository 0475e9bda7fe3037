/*
 * Longer than 250 lines on purpose: the planted bugs of groups and of changes share the models of correct histories.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { DeviceEvent, DeviceHistory, History, MessageChangeAttempt, SeenMessage } from '../src/history.ts';
import { checkHistory } from '../src/history-checker.ts';
import { messagesOf } from '../src/history-device-checks.ts';
import type { ViolationKind } from '../src/violation.ts';
import { correctGroupHistory, GROUP, type GroupStep } from './group-model.ts';

const index = fc.nat(20);
const step: fc.Arbitrary<GroupStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      user: index,
      mentions: index,
      answer: fc.constantFrom('acked' as const, 'stored' as const, 'refused' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('add' as const, 'remove' as const, 'promote' as const),
      user: index,
      other: index,
      history: fc.constantFrom('all' as const, 'none' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('leave' as const, 'rename' as const, 'read' as const, 'mute' as const),
      user: index,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('edit' as const, 'delete' as const),
      message: index,
      answer: fc.constantFrom('acked' as const, 'stored' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('react' as const), user: index, message: index, on: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('miss' as const, 'sync' as const), device: index }) },
);

/** Each entry plants one bug into a correct history. */
type Bug = [name: string, kind: ViolationKind, plant: (history: History) => void];

describe('the history checker, for groups and changes', () => {
  it('finds nothing in any history of a product that keeps its guarantees', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        expect(checkHistory(correctGroupHistory(steps)).violations).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
  });

  describe('reports exactly', () => {
    const membership: Bug[] = [
      [
        'a device that receives an entry from before its user was added',
        'outsideWindow',
        (it) => insert(it, 'dan-1', { kind: 'message', at: 0, ...stored(it, 2) }),
      ],
      [
        'a sync that returns an entry to a removed user',
        'outsideWindow',
        (it) => eventOf(it, 'cem-2', 'synced').messages.push(stored(it, 9)),
      ],
      ['a member who lacks an entry', 'deviceDiffers', (it) => unsee(it, 'ben-1', 5)],
      [
        'an entry that the library reports twice',
        'misdelivered',
        (it) => report(it, 'ben-1', ([a, b, c]) => [a, b, b, c]),
      ],
      ['an entry that the library never reports', 'misdelivered', (it) => report(it, 'dan-1', ([a, , c]) => [a, c])],
      ['entries in the wrong order', 'misdelivered', (it) => report(it, 'ben-1', ([a, b, c]) => [b, a, c])],
      ['a member that no entry reports', 'wrongMembership', (it) => (participant(it, 'cem').role = 'member')],
      ['a role that no entry reports', 'wrongMembership', (it) => (participant(it, 'dan').role = 'admin')],
      ['a title that no entry reports', 'wrongMembership', (it) => (conversation(it).title = 'Dinner')],
      [
        'a window that its removal does not end',
        'wrongMembership',
        (it) => {
          it.devices = [];
          windowOf(it, 'cem').toSeq = 8;
        },
      ],
      [
        'a user who was added without a window',
        'wrongMembership',
        (it) => it.database.windows?.push({ ...windowOf(it, 'dan') }),
      ],
      ['an entry of a user without the right to it', 'wrongMembership', (it) => forge(it, 4, 'dan')],
      ['a message of a user who is not a member', 'wrongMembership', (it) => forge(it, 9, 'cem')],
      ['a group above its cap', 'overCap', (it) => cap(it, { members: 2 })],
      ['more users in one change than allowed', 'overCap', (it) => cap(it, { usersPerAdd: 1 })],
      ['a user in more groups than allowed', 'overCap', (it) => cap(it, { groupsPerUser: 0 })],
      ['an acknowledged change of the group without an entry', 'lost', (it) => it.groupChanges?.push(renamed('c99'))],
      ['an entry without a request', 'unexpected', (it) => it.groupChanges?.pop()],
    ];
    const changes: Bug[] = [
      ['an acknowledged edit that is not stored', 'lost', (it) => (it.database.versions = [])],
      ['an edit whose content was overwritten', 'lost', (it) => rewrite(it, 3, 'text of m1')],
      ['a content that no edit has', 'unexpected', (it) => rewrite(it, 5, 'other words')],
      ['an edit that was applied twice', 'duplicated', (it) => it.database.versions?.push(...it.database.versions)],
      ['an acknowledged deletion that is not stored', 'lost', (it) => undelete(it)],
      [
        'a deletion without a request',
        'unexpected',
        (it) => it.messageChanges?.splice(indexOf(it, 'delete'), 1, ...twoReactions(it)),
      ],
      ['an acknowledged reaction that is not stored', 'lost', (it) => unreact(it)],
      ['a change without a number', 'revGap', (it) => (conversation(it).lastRev = 4)],
      ['two messages with one number of a change', 'revGap', (it) => (ackOf(it, 'react').rev = 1)],
      ['more changes than were requested', 'revGap', (it) => renumber(it, 3, 9)],
      [
        'a device that shows another content than the database',
        'deviceDiffers',
        (it) => show(it, 3, { content: 'text of m1' }),
      ],
      [
        'a device that shows other reactions than the database',
        'deviceDiffers',
        (it) => show(it, 5, { reactions: '👍 2' }),
      ],
      [
        'a device that shows a message as it was before a change',
        'staleChange',
        (it) => insert(it, 'ben-1', { ...eventOf(it, 'ben-1', 'synced'), messages: [original(it, 3)], final: false }),
      ],
      [
        'a change that is reported twice',
        'staleChange',
        (it) => insert(it, 'ben-1', structuredClone(eventOf(it, 'ben-1', 'changed'))),
      ],
      [
        'a device that shows the content of a deleted message again',
        'deletedShown',
        (it) => insert(it, 'ben-1', { ...eventOf(it, 'ben-1', 'synced'), messages: [original(it, 6)], final: false }),
      ],
      [
        'a sync after the ack of a deletion that returns the content',
        'deletedShown',
        (it) =>
          insert(
            it,
            'ben-1',
            { ...eventOf(it, 'ben-1', 'synced'), messages: [original(it, 6)], final: false },
            'changed',
          ),
      ],
      [
        'a deleted message whose content is stored',
        'deletedShown',
        (it) => {
          it.devices = [];
          rowOf(it, 6).content = 'text of m3';
        },
      ],
    ];
    const counts: Bug[] = [
      ['a stored count of reactions that is not the recount', 'wrongCounter', (it) => countReactions(it)],
      ['a wrong count of muted conversations', 'wrongBadge', (it) => lastBadge(it, 'ben-2', { mutedCount: 9 })],
      ['a wrong count of mentions', 'wrongBadge', (it) => lastBadge(it, 'dan-1', { mentionCount: 0 })],
      ['muted messages in the count', 'wrongBadge', (it) => (participant(it, 'ben').muted = undefined as never)],
      [
        'a stored count of a group that is not the recount',
        'wrongCounter',
        (it) => participant(it, 'dan').unreadCount++,
      ],
      [
        'a stored count of mentions that is not the recount',
        'wrongCounter',
        (it) => (participant(it, 'dan').mentionCount = 7),
      ],
      ['a mark that moves back', 'wrongReceipt', (it) => insert(it, 'ben-1', receipt(7), 'end')],
      ['a mark beyond the stored one', 'wrongReceipt', (it) => insert(it, 'ben-1', receipt(12), 'end')],
      [
        'a delivered mark beyond the last entry',
        'wrongReceipt',
        (it) => insert(it, 'ben-1', receipt(99, 'delivered'), 'end'),
      ],
    ];

    for (const [name, kind, plant] of [...membership, ...changes, ...counts]) {
      it(name, () => {
        const planted = history();
        plant(planted);
        const { violations } = checkHistory(planted);
        expect([...new Set(violations.map((one) => one.kind))], JSON.stringify(violations)).to.deep.equal([kind]);
      });
    }
  });

  it('lets a stock device, which receives no changes, hold messages as they were', () => {
    const planted = history();
    for (const device of planted.devices) {
      delete device.client;
      device.events = device.events.filter(({ kind }) => kind !== 'changed');
      for (const event of device.events) if (event.kind === 'synced') event.messages = [];
    }
    expect(checkHistory(planted).violations).to.deep.equal([]);
  });

  it('lets a device of a member who comes back show, without a report, what was written meanwhile, and nothing else', () => {
    const send: GroupStep = { do: 'send', user: 0, mentions: 0, answer: 'acked' };
    // 2 cem removed · 3 m0 · 4 cem added with the whole history · 5 m1
    const it = correctGroupHistory([
      { do: 'remove', user: 0, other: 2 },
      send,
      { do: 'add', user: 0, other: 2, history: 'all' },
      send,
    ]);
    const device = deviceOf(it, 'cem-1');
    const hide = (seq: number) => {
      device.events = device.events.filter((event) => event.kind !== 'message' || event.seq !== seq);
    };
    hide(3);
    expect(checkHistory(it).violations).to.deep.equal([]);
    hide(4);
    expect(checkHistory(it).violations.map(({ kind }) => kind)).to.deep.equal(['misdelivered']);
  });

  it('accepts either state after two reactions of a user that overlap', () => {
    const planted = history();
    const set = planted.messageChanges?.find(({ change }) => change.type === 'react') as MessageChangeAttempt;
    planted.messageChanges?.push({ ...set, change: { type: 'react', emoji: '👍', on: false } });
    expect(checkHistory(planted).violations).to.deep.equal([]);
  });
});

/**
 * 1 created with ben and cem · 2 m0 · 3 m1, edited (rev 1) · 4 renamed · 5 m2, with a reaction of ben (rev 2) · 6 m3, deleted
 * (rev 3) · 7 cem removed · 8 dan added · 9 m4, which mentions dan · 10 m5. Ben has muted the group; ann has read up to 10.
 */
function history(): History {
  const send = (user: number, mentions = 0): GroupStep => ({ do: 'send', user, mentions, answer: 'acked' });
  return correctGroupHistory([
    send(2),
    send(0),
    { do: 'rename', user: 0 },
    send(1),
    send(0),
    { do: 'mute', user: 1 },
    { do: 'edit', message: 1, answer: 'acked' },
    { do: 'react', user: 1, message: 2, on: true },
    { do: 'delete', message: 3, answer: 'acked' },
    { do: 'remove', user: 0, other: 2 },
    { do: 'add', user: 0, other: 3 },
    send(0, 3),
    send(1),
    { do: 'read', user: 0 },
  ]);
}

function deviceOf(it: History, id: string): DeviceHistory {
  return it.devices.find((one) => one.id === id) as DeviceHistory;
}

function rowOf(it: History, seq: number): History['database']['messages'][number] {
  return it.database.messages.find((row) => row.seq === seq) as History['database']['messages'][number];
}

function stored(it: History, seq: number): SeenMessage {
  const { senderId: _, clientMessageId: __, ...message } = rowOf(it, seq);
  return { ...message };
}

/** The message as it was before its change. */
function original(it: History, seq: number): SeenMessage {
  const { conversationId, id, clientMessageId } = rowOf(it, seq);
  return { conversationId, seq, id, content: `text of ${clientMessageId}` };
}

type EventOf<Kind extends DeviceEvent['kind']> = Extract<DeviceEvent, { kind: Kind }>;

/** The last event of this kind on the device. */
function eventOf<Kind extends DeviceEvent['kind']>(it: History, id: string, kind: Kind): EventOf<Kind> {
  return deviceOf(it, id).events.findLast((event) => event.kind === kind) as EventOf<Kind>;
}

/** Inserts an event: before the last sync, before the last change, or at the end. */
function insert(it: History, id: string, event: DeviceEvent, where: 'synced' | 'changed' | 'end' = 'synced'): void {
  const { events } = deviceOf(it, id);
  const at = where === 'end' ? events.length : events.findLastIndex(({ kind }) => kind === where);
  events.splice(at, 0, structuredClone(event));
}

function unsee(it: History, id: string, seq: number): void {
  const device = deviceOf(it, id);
  for (const event of device.events) {
    if (event.kind === 'synced') event.messages = event.messages.filter((message) => message.seq !== seq);
  }
  // It was reported, and then forgotten: as if its history had been replaced.
  device.events.splice(-1, 0, { kind: 'restarted', at: 0, epoch: 'same' });
}

/** Replaces the first three messages that the device reports. */
function report(it: History, id: string, change: (first: DeviceEvent[]) => (DeviceEvent | undefined)[]): void {
  const device = deviceOf(it, id);
  const first = device.events.filter(({ kind }) => kind === 'message').slice(0, 3);
  const at = device.events.indexOf(first[2] as DeviceEvent);
  const others = device.events.filter((event) => !first.includes(event));
  device.events = others.toSpliced(at - 2, 0, ...change(first).filter((event) => event !== undefined));
}

function participant(it: History, userId: string): History['database']['participants'][number] {
  return it.database.participants.find((one) => one.userId === userId) as History['database']['participants'][number];
}

function conversation(it: History): History['database']['conversations'][number] {
  return it.database.conversations[0] as History['database']['conversations'][number];
}

type Window = NonNullable<History['database']['windows']>[number];

function windowOf(it: History, userId: string): Window {
  return it.database.windows?.find((one) => one.userId === userId) as Window;
}

/** As if another user had made the entry or sent the message, which is consistent everywhere else. */
function forge(it: History, seq: number, userId: string): void {
  const row = rowOf(it, seq);
  for (const change of it.groupChanges ?? []) if (change.changeId === row.clientMessageId) change.by = userId;
  for (const attempt of it.sends) if (attempt.clientMessageId === row.clientMessageId) attempt.sender = userId;
  row.senderId = userId;
}

function cap(it: History, caps: Partial<NonNullable<History['caps']>>): void {
  it.caps = { members: 10, groupsPerUser: 10, usersPerAdd: 10, ...caps };
}

function renamed(changeId: string): NonNullable<History['groupChanges']>[number] {
  const change = { type: 'rename', title: 'Dinner' } as const;
  return { at: 0, by: 'ann', conversationId: GROUP, changeId, change, outcome: { kind: 'acked', at: 5 } };
}

/** The last state of a message, in the database and on all devices. */
function rewrite(it: History, seq: number, content: string): void {
  rowOf(it, seq).content = content;
  const rev = rowOf(it, seq).rev;
  for (const message of it.devices.flatMap(({ events }) => events.flatMap(messagesOf))) {
    if (message.seq === seq && message.rev === rev) message.content = content;
  }
}

/** The last sync of a device shows the message in another state. */
function show(it: History, seq: number, state: Partial<SeenMessage>, id = 'ben-1'): void {
  for (const message of eventOf(it, id, 'synced').messages) if (message.seq === seq) Object.assign(message, state);
}

/** As if the message was edited instead. Without devices, which would show it. */
function undelete(it: History): void {
  it.devices = [];
  const row = rowOf(it, 6);
  delete row.deleted;
  row.content = 'text of m3';
}

/** As if the reaction had never been stored. Without devices, which show it. */
function unreact(it: History): void {
  it.devices = [];
  it.database.reactions = [];
  delete rowOf(it, 5).reactions;
}

function countReactions(it: History): void {
  it.devices = [];
  rowOf(it, 5).reactions = '👍 2';
}

function indexOf(it: History, type: MessageChangeAttempt['change']['type']): number {
  return it.messageChanges?.findIndex(({ change }) => change.type === type) ?? -1;
}

function ackOf(it: History, type: MessageChangeAttempt['change']['type']): { rev: number } {
  return it.messageChanges?.[indexOf(it, type)]?.outcome as unknown as { rev: number };
}

/** Changes that explain the number of the deletion, but not the deletion. */
function twoReactions(it: History): MessageChangeAttempt[] {
  const deletion = it.messageChanges?.[indexOf(it, 'delete')] as MessageChangeAttempt;
  return [true, false].map((on, i) => ({
    ...deletion,
    at: deletion.at + i,
    change: { type: 'react', emoji: '🎉', on },
  }));
}

/** Gives a change another number, everywhere. */
function renumber(it: History, from: number, to: number): void {
  conversation(it).lastRev = to;
  for (const message of [...it.database.messages, ...it.devices.flatMap(({ events }) => events.flatMap(messagesOf))]) {
    if (message.rev === from) message.rev = to;
  }
  for (const { outcome } of it.messageChanges ?? [])
    if (outcome.kind === 'acked' && outcome.rev === from) outcome.rev = to;
}

function lastBadge(it: History, id: string, counts: Partial<EventOf<'badge'>>): void {
  Object.assign(eventOf(it, id, 'badge'), counts);
}

function receipt(upToSeq: number, of: 'read' | 'delivered' = 'read'): DeviceEvent {
  return { kind: 'receipt', at: 900, of, conversationId: GROUP, userId: 'ann', upToSeq };
}
