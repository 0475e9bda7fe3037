import { PERMISSIONS, type Role } from '@chat-cluster/contracts';
import {
  type DeviceEvent,
  type DeviceHistory,
  type GroupChangeAttempt,
  type GroupChangeMade,
  type History,
  type MessageChangeAttempt,
  reactionsText,
  type SeenMessage,
  type StoredWindow,
  systemText,
} from '../src/history.ts';

/** One step of a run in one group. The numbers select a user, a message and so on. */
export type GroupStep =
  /** `stored`: it is stored, and there is no ack. */
  | { do: 'send'; user: number; mentions: number; answer: 'acked' | 'stored' | 'refused' }
  | { do: 'add'; user: number; other: number; history?: 'all' | 'none' }
  | { do: 'remove' | 'promote'; user: number; other: number }
  | { do: 'leave' | 'rename' | 'read' | 'mute'; user: number }
  /** `answer` stored: the change is made again, with the same id. */
  | { do: 'edit' | 'delete'; message: number; answer: 'acked' | 'stored' }
  | { do: 'react'; user: number; message: number; on: boolean }
  /** From here on the device receives nothing until it syncs. */
  | { do: 'miss' | 'sync'; device: number };

type Row = History['database']['messages'][number];
type Entry =
  | { type: 'created'; title: string; userIds: readonly string[] }
  | { type: 'added' | 'removed'; userIds: readonly string[] }
  | { type: 'left'; newOwnerId?: string }
  | { type: 'renamed'; title: string }
  | { type: 'role'; userIds: readonly string[]; role: Role };

export const GROUP = 'g0';
export const GROUP_USERS = ['ann', 'ben', 'cem', 'dan'] as const;

/** The history of a product that keeps every guarantee: ann creates a group with ben and cem, then the steps follow. */
export function correctGroupHistory(steps: readonly GroupStep[]): History {
  const run = new GroupRun();
  for (const step of steps) run.take(step);
  return structuredClone(run.end());
}

class GroupRun {
  #now = 0;
  #title = '';
  #lastRev = 0;
  #rows: Row[] = [];
  #mentioned = new Map<number, string>();
  #roles = new Map<string, Role>();
  #windows: StoredWindow[] = [];
  #marks = new Map<string, number>();
  #muted = new Set<string>();
  #versions: NonNullable<History['database']['versions']> = [];
  #reactions: NonNullable<History['database']['reactions']> = [];
  #sends: History['sends'] = [];
  #reads: History['reads'] = [];
  #groupChanges: GroupChangeAttempt[] = [];
  #messageChanges: MessageChangeAttempt[] = [];
  #devices: DeviceHistory[] = GROUP_USERS.flatMap((userId) =>
    [1, 2].map((number) => ({
      id: `${userId}-${number}`,
      userId,
      client: 'library' as const,
      conversations: [GROUP],
      events: [{ kind: 'connected' as const, at: 0, connection: `${userId}-${number}#1`, gateway: 'gateway-1' }],
    })),
  );
  #shown = new Map<string, Map<number, SeenMessage>>(this.#devices.map(({ id }) => [id, new Map()]));
  #missing = new Set<string>();

  constructor() {
    for (const device of this.#devices) this.#record(device, false);
    this.#changeGroup('ann', { type: 'create', title: 'Lunch', userIds: ['ben', 'cem'] });
  }

  take(step: GroupStep): void {
    this.#now += 10;
    switch (step.do) {
      case 'send':
        this.#send(pick(GROUP_USERS, step.user), pick(GROUP_USERS, step.mentions), step.answer);
        break;
      case 'add':
        this.#changeGroup(pick(GROUP_USERS, step.user), {
          type: 'add',
          userIds: [pick(GROUP_USERS, step.other)],
          history: step.history ?? 'none',
        });
        break;
      case 'remove':
        this.#changeGroup(pick(GROUP_USERS, step.user), {
          type: 'remove',
          userId: pick(GROUP_USERS, step.other),
        });
        break;
      case 'promote': {
        const change = { type: 'role', userId: pick(GROUP_USERS, step.other), role: 'admin' } as const;
        this.#changeGroup(pick(GROUP_USERS, step.user), change);
        break;
      }
      case 'leave':
        this.#changeGroup(pick(GROUP_USERS, step.user), { type: 'leave' });
        break;
      case 'rename':
        this.#changeGroup(pick(GROUP_USERS, step.user), { type: 'rename', title: `title ${this.#now}` });
        break;
      case 'read':
        this.#read(pick(GROUP_USERS, step.user));
        break;
      case 'mute':
        this.#muted.add(pick(GROUP_USERS, step.user));
        this.#badges();
        break;
      case 'edit':
      case 'delete':
        this.#changeOwn(step);
        break;
      case 'react':
        this.#react(pick(GROUP_USERS, step.user), step);
        break;
      case 'miss':
        this.#missing.add(pick(this.#devices, step.device).id);
        break;
      case 'sync':
        this.#sync(pick(this.#devices, step.device), false);
        break;
    }
  }

  end(): History {
    for (const final of [false, true]) {
      this.#now += 10;
      for (const device of this.#devices) this.#sync(device, final);
    }
    return {
      sends: this.#sends,
      reads: this.#reads,
      groupChanges: this.#groupChanges,
      messageChanges: this.#messageChanges,
      caps: { members: 4, groupsPerUser: 1, usersPerAdd: 2 },
      devices: this.#devices,
      database: {
        conversations: [{ id: GROUP, lastSeq: this.#rows.length, lastRev: this.#lastRev, title: this.#title }],
        messages: this.#rows,
        participants: GROUP_USERS.flatMap((userId) => (this.#marks.has(userId) ? [this.#participant(userId)] : [])),
        windows: this.#windows,
        versions: this.#versions,
        reactions: this.#reactions,
      },
      exits: [],
      unsettled: [],
    };
  }

  #send(sender: string, mentioned: string, answer: 'acked' | 'stored' | 'refused'): void {
    const clientMessageId = `m${this.#sends.length}`;
    const content = `text of ${clientMessageId}`;
    const [at, answered] = [this.#now, this.#now + 5];
    const attempt = { at, device: `${sender}-1`, connection: `${sender}-1#1`, sender, conversationId: GROUP };
    const isStored = this.#roles.has(sender) && answer !== 'refused';
    const row = isStored ? this.#store({ sender, clientMessageId, content }) : undefined;
    if (row && this.#roles.has(mentioned)) this.#mentioned.set(row.seq, mentioned);
    this.#sends.push({
      ...attempt,
      clientMessageId,
      content,
      outcome: !row
        ? { kind: 'refused', at: answered, code: 'FORBIDDEN', retryable: false }
        : answer === 'acked'
          ? { kind: 'acked', at: answered, id: row.id, seq: row.seq, duplicate: false }
          : { kind: 'unknown', at: answered },
    });
    this.#badges();
  }

  #store(of: { sender: string; clientMessageId: string; content: string; system?: string }): Row {
    const seq = this.#rows.length + 1;
    const { sender, ...rest } = of;
    const row: Row = { conversationId: GROUP, seq, id: `g0-${seq}`, senderId: sender, ...rest };
    this.#rows.push(row);
    return row;
  }

  /** Stores the entry and changes the group, if the user may do it and it has an effect. */
  #changeGroup(by: string, change: GroupChangeMade): void {
    const changeId = `c${this.#groupChanges.length}`;
    const entry = this.#entryOf(by, change);
    const outcome = entry
      ? ({ kind: 'acked', at: this.#now + 5 } as const)
      : ({ kind: 'refused', at: this.#now + 5, code: 'FORBIDDEN', retryable: false } as const);
    this.#groupChanges.push({ at: this.#now, by, conversationId: GROUP, changeId, change, outcome });
    if (!entry) return;
    const { seq } = this.#store({ sender: by, clientMessageId: changeId, content: '', system: systemText(entry) });
    this.#apply(by, seq, entry, change.type === 'add' && change.history === 'all' ? 1 : seq);
    this.#deliver();
    this.#badges();
  }

  #entryOf(by: string, change: GroupChangeMade): Entry | undefined {
    if (change.type === 'create') return { type: 'created', title: change.title, userIds: change.userIds };
    const role = this.#roles.get(by);
    if (!role) return undefined;
    const may = PERMISSIONS[role];
    switch (change.type) {
      case 'add':
        return may.add && !this.#roles.has(change.userIds[0] ?? '')
          ? { type: 'added', userIds: change.userIds }
          : undefined;
      case 'remove': {
        const other = this.#roles.get(change.userId);
        const isAllowed = other && other !== 'owner' && (may.remove as readonly Role[]).includes(other);
        return isAllowed ? { type: 'removed', userIds: [change.userId] } : undefined;
      }
      case 'leave': {
        const others = [...this.#roles].filter(([userId]) => userId !== by);
        const next = others.find(([, one]) => one === 'admin') ?? others[0];
        return role === 'owner' && next ? { type: 'left', newOwnerId: next[0] } : { type: 'left' };
      }
      case 'rename':
        return may.rename ? { type: 'renamed', title: change.title } : undefined;
      case 'role': {
        const isAllowed = may.setRole && this.#roles.get(change.userId) === 'member';
        return isAllowed ? { type: 'role', userIds: [change.userId], role: change.role } : undefined;
      }
    }
  }

  #apply(by: string, seq: number, entry: Entry, fromSeq: number): void {
    if (entry.type === 'created' || entry.type === 'renamed') this.#title = entry.title;
    if (entry.type === 'created') this.#join(by, 'owner', seq);
    if (entry.type === 'created' || entry.type === 'added') {
      for (const userId of entry.userIds) this.#join(userId, 'member', seq, fromSeq);
    }
    if (entry.type === 'role') for (const userId of entry.userIds) this.#roles.set(userId, entry.role);
    if (entry.type === 'left' && entry.newOwnerId) this.#roles.set(entry.newOwnerId, 'owner');
    for (const userId of entry.type === 'left' ? [by] : entry.type === 'removed' ? entry.userIds : []) {
      this.#roles.delete(userId);
      for (const window of this.#windows) if (window.userId === userId) window.toSeq ??= seq;
    }
  }

  /** Opens a window, joined with the earlier ones that it touches. */
  #join(userId: string, role: Role, seq: number, fromSeq = seq): void {
    this.#roles.set(userId, role);
    const touched = this.#windows.filter((one) => one.userId === userId && (one.toSeq ?? seq) >= fromSeq - 1);
    const earliest = Math.min(fromSeq, ...touched.map((one) => one.fromSeq));
    this.#windows = this.#windows.filter((one) => !touched.includes(one));
    this.#windows.push({ conversationId: GROUP, userId, fromSeq: earliest, toSeq: null });
    this.#marks.set(userId, seq);
  }

  #read(userId: string): void {
    if (!this.#roles.has(userId)) return;
    const upToSeq = this.#rows.length;
    this.#marks.set(userId, upToSeq);
    const at = this.#now + 5;
    this.#reads.push({ at: this.#now, userId, conversationId: GROUP, outcome: { kind: 'acked', at, upToSeq } });
    for (const device of this.#live()) {
      if (!this.#roles.has(device.userId)) continue;
      device.events.push({ kind: 'receipt', at, of: 'read', conversationId: GROUP, userId, upToSeq });
    }
    this.#badges();
  }

  #changeOwn({ do: type, message, answer }: GroupStep & { do: 'edit' | 'delete' }): void {
    const row = this.#messageAt(message);
    if (!row || !this.#roles.has(row.senderId) || row.deleted) return;
    const changeId = `e${this.#messageChanges.length}`;
    row.rev = ++this.#lastRev;
    if (type === 'delete') {
      Object.assign(row, { deleted: true, content: '' });
      delete row.reactions;
      this.#reactions = this.#reactions.filter(({ seq }) => seq !== row.seq);
      this.#versions = this.#versions.filter(({ seq }) => seq !== row.seq);
    } else {
      row.content = `edited ${changeId}`;
      this.#versions.push({ conversationId: GROUP, seq: row.seq, changeId });
    }
    const change = type === 'delete' ? { type } : { type, changeId, content: row.content };
    const attempt = { at: this.#now, by: row.senderId, conversationId: GROUP, seq: row.seq, change };
    const acked = { ...attempt, outcome: { kind: 'acked', at: this.#now + 5, rev: row.rev } } as const;
    if (answer === 'stored') {
      this.#messageChanges.push({ ...attempt, outcome: { kind: 'unknown', at: this.#now } });
      this.#now += 10;
    }
    this.#messageChanges.push(acked);
    this.#badges();
  }

  #react(by: string, { message, on }: { message: number; on: boolean }): void {
    const row = this.#messageAt(message);
    if (!row || row.deleted || !this.#roles.has(by)) return;
    const mine = this.#reactions.filter(({ seq, userId }) => seq === row.seq && userId === by);
    if (on !== mine.length > 0) {
      if (on) this.#reactions.push({ conversationId: GROUP, seq: row.seq, userId: by, emoji: '👍' });
      else this.#reactions = this.#reactions.filter((one) => !mine.includes(one));
      row.rev = ++this.#lastRev;
      const count = this.#reactions.filter(({ seq }) => seq === row.seq).length;
      if (count > 0) row.reactions = reactionsText([{ emoji: '👍', count }]);
      else delete row.reactions;
    }
    const change = { type: 'react', emoji: '👍', on } as const;
    const outcome = { kind: 'acked', at: this.#now + 5, rev: row.rev ?? 0 } as const;
    this.#messageChanges.push({ at: this.#now, by, conversationId: GROUP, seq: row.seq, change, outcome });
    this.#deliver();
  }

  #messageAt(number: number): Row | undefined {
    const messages = this.#rows.filter(({ system }) => system === undefined);
    return messages.length === 0 ? undefined : pick(messages, number);
  }

  #live(): DeviceHistory[] {
    return this.#devices.filter(({ id }) => !this.#missing.has(id));
  }

  /** Each device reports what it lacks: new entries in order, and changes of those that it has. */
  #deliver(devices = this.#live()): void {
    for (const { id, userId, events } of devices) {
      const shown = this.#shown.get(id) as Map<number, SeenMessage>;
      for (const row of this.#rows) {
        const has = shown.get(row.seq);
        if (!this.#sees(userId, row.seq) || (has && has.rev === row.rev)) continue;
        const { senderId: _, clientMessageId: __, ...message } = row;
        shown.set(row.seq, { ...message });
        events.push({ kind: has ? 'changed' : 'message', at: this.#now + 6, ...message });
      }
    }
  }

  #sees(userId: string, seq: number): boolean {
    const own = this.#windows.filter((window) => window.userId === userId);
    return own.some(({ fromSeq, toSeq }) => seq >= fromSeq && seq <= (toSeq ?? this.#rows.length));
  }

  #badges(): void {
    this.#deliver();
    for (const { userId, events } of this.#live()) events.push(this.#badge(userId));
  }

  #badge(userId: string): DeviceEvent & { kind: 'badge' } {
    const { recount, mentionRecount: mentionCount = 0, muted } = this.#participant(userId);
    const counts = muted ? { count: 0, mutedCount: recount } : { count: recount };
    return { kind: 'badge', at: this.#now + 7, ...counts, mentionCount };
  }

  #sync(device: DeviceHistory, final: boolean): void {
    this.#missing.delete(device.id);
    this.#deliver([device]);
    device.events.push(this.#badge(device.userId));
    this.#record(device, final);
  }

  #record({ id, userId, events }: DeviceHistory, final: boolean): void {
    const messages = [...(this.#shown.get(id)?.values() ?? [])].map((one) => ({ ...one }));
    const { count } = this.#badge(userId);
    events.push({ kind: 'synced', at: this.#now + 8, requestedAt: this.#now + 7, messages, unread: count, final });
  }

  #participant(userId: string): History['database']['participants'][number] {
    const lastReadSeq = this.#marks.get(userId) ?? 0;
    const role = this.#roles.get(userId) ?? null;
    const unread = this.#rows.filter(
      ({ seq, senderId, system, deleted }) => role && seq > lastReadSeq && senderId !== userId && !system && !deleted,
    );
    const recount = unread.length;
    const mentionRecount = unread.filter(({ seq }) => this.#mentioned.get(seq) === userId).length;
    return {
      ...{ conversationId: GROUP, userId, lastReadSeq, role },
      ...{ unreadCount: recount, recount, mentionCount: mentionRecount, mentionRecount },
      ...(this.#muted.has(userId) ? { muted: true as const } : {}),
    };
  }
}

function pick<T>(choices: readonly T[], number: number): T {
  return choices[number % choices.length] as T;
}
