import type { DeviceHistory, History, SeenMessage, SendAttempt } from '../src/history.ts';

/** One step of a run. The numbers select a device, a conversation and so on. */
export type Step =
  /** `answer`: acked; stored, without an ack; refused, so not stored; or nothing: not stored, without an ack. */
  | { do: 'send'; device: number; conversation: number; answer: 'acked' | 'stored' | 'refused' | 'nothing' }
  /** Sends a message again, from any device of its sender. */
  | { do: 'resend'; message: number; device: number; answer: 'acked' | 'stored' }
  | { do: 'read'; user: number; conversation: number; answer: 'acked' | 'unknown' }
  /** From here on the device receives no emits until it syncs. */
  | { do: 'miss'; device: number }
  | { do: 'sync'; device: number };

export const USERS = ['ann', 'ben', 'cem'];
/** Each pair of users; ann has two devices. */
const PAIRS: [string, string][] = [
  ['ann', 'ben'],
  ['ann', 'cem'],
  ['ben', 'cem'],
];
const DEVICES: [id: string, userId: string][] = [
  ['ann-1', 'ann'],
  ['ann-2', 'ann'],
  ['ben-1', 'ben'],
  ['cem-1', 'cem'],
];

/** The history of a product that keeps every guarantee, for any steps of its clients and any lost emits. */
export function correctHistory(steps: readonly Step[]): History {
  const run = new Run();
  for (const step of steps) run.take(step);
  return run.end();
}

class Run {
  #now = 0;
  #sends: SendAttempt[] = [];
  #reads: History['reads'] = [];
  #rows: History['database']['messages'] = [];
  #marks = new Map<string, number>();
  #devices: DeviceHistory[] = DEVICES.map(([id, userId]) => ({
    id,
    userId,
    conversations: conversationsOf(userId),
    events: [{ kind: 'connected', at: 0, connection: `${id}#1`, gateway: 'gateway-1' }],
  }));
  #missing = new Set<string>();

  take(step: Step): void {
    this.#now += 10;
    switch (step.do) {
      case 'send': {
        const device = this.#device(step.device);
        const conversationId = pick(device.conversations, step.conversation);
        const clientMessageId = `m${this.#sends.length}`;
        this.#send(device, conversationId, clientMessageId, step.answer);
        return;
      }
      case 'resend': {
        if (this.#sends.length === 0) return;
        const { sender, conversationId, clientMessageId } = pick(this.#sends, step.message);
        const own = this.#devices.filter(({ userId }) => userId === sender);
        this.#send(pick(own, step.device), conversationId, clientMessageId, step.answer);
        return;
      }
      case 'read':
        this.#read(pick(USERS, step.user), step.conversation, step.answer);
        return;
      case 'miss':
        this.#missing.add(this.#device(step.device).id);
        return;
      case 'sync':
        this.#sync(this.#device(step.device), false);
        return;
    }
  }

  end(): History {
    this.#now += 10;
    for (const device of this.#devices) this.#sync(device, false);
    this.#now += 10;
    for (const device of this.#devices) this.#sync(device, true);
    return {
      sends: this.#sends,
      reads: this.#reads,
      devices: this.#devices,
      database: {
        conversations: PAIRS.map((_, i) => ({ id: `c${i}`, lastSeq: this.#lastSeq(`c${i}`) })),
        messages: this.#rows,
        participants: PAIRS.flatMap((pair, i) => pair.map((userId) => this.#participant(`c${i}`, userId))),
      },
      exits: [{ at: 5, process: 'gateway-1', how: 'signal SIGKILL', ordered: true }],
      unsettled: [],
    };
  }

  #send(
    device: DeviceHistory,
    conversationId: string,
    clientMessageId: string,
    answer: 'acked' | 'stored' | 'refused' | 'nothing',
  ): void {
    const sender = device.userId;
    const at = this.#now;
    const answered = at + 5;
    const content = `text of ${clientMessageId}`;
    const attempt = {
      at,
      device: device.id,
      connection: `${device.id}#1`,
      sender,
      conversationId,
      clientMessageId,
      content,
    };
    if (answer === 'refused') {
      const outcome = { kind: 'refused', at: answered, code: 'UNAVAILABLE', retryable: true } as const;
      this.#sends.push({ ...attempt, outcome });
      return;
    }
    if (answer === 'nothing') {
      this.#sends.push({ ...attempt, outcome: { kind: 'unknown', at: answered } });
      return;
    }
    const earlier = this.#rows.find(
      (row) =>
        row.conversationId === conversationId && row.senderId === sender && row.clientMessageId === clientMessageId,
    );
    const seq = this.#lastSeq(conversationId) + 1;
    const row = earlier ?? { conversationId, seq, id: `${conversationId}-${seq}`, content };
    const stored = { ...row, senderId: sender, clientMessageId };
    if (!earlier) {
      this.#rows.push(stored);
      this.#emit(conversationId, { kind: 'message', at: answered, ...row });
    }
    this.#sends.push({
      ...attempt,
      outcome:
        answer === 'acked'
          ? { kind: 'acked', at: answered, id: stored.id, seq: stored.seq, duplicate: earlier !== undefined }
          : { kind: 'unknown', at: answered },
    });
    this.#badges(conversationId);
  }

  #read(userId: string, conversation: number, answer: 'acked' | 'unknown'): void {
    const conversationId = pick(conversationsOf(userId), conversation);
    const upToSeq = this.#lastSeq(conversationId);
    this.#marks.set(`${conversationId} ${userId}`, upToSeq);
    const at = this.#now + 5;
    this.#reads.push({
      at: this.#now,
      userId,
      conversationId,
      outcome: answer === 'acked' ? { kind: 'acked', at, upToSeq } : { kind: 'unknown', at },
    });
    this.#badges(conversationId);
  }

  #sync(device: DeviceHistory, final: boolean): void {
    this.#missing.delete(device.id);
    const held = new Set(device.events.flatMap(placesOf));
    const missed = this.#rows
      .filter((row) => device.conversations.includes(row.conversationId) && !held.has(placeOf(row)))
      .map(({ conversationId, seq, id, content }): SeenMessage => ({ conversationId, seq, id, content }));
    const unread = this.#unread(device.userId);
    device.events.push({ kind: 'synced', at: this.#now, messages: missed, unread, final });
    // A device syncs after a connect or a gap, and receives its badge then.
    if (!final) device.events.push({ kind: 'badge', at: this.#now, count: unread });
  }

  #emit(conversationId: string, event: DeviceHistory['events'][number]): void {
    for (const device of this.#devices) {
      if (device.conversations.includes(conversationId) && !this.#missing.has(device.id)) device.events.push(event);
    }
  }

  #badges(conversationId: string): void {
    for (const { id, userId, conversations, events } of this.#devices) {
      if (!conversations.includes(conversationId) || this.#missing.has(id)) continue;
      events.push({ kind: 'badge', at: this.#now + 6, count: this.#unread(userId) });
    }
  }

  #unread(userId: string): number {
    return conversationsOf(userId).reduce((sum, id) => sum + this.#participant(id, userId).recount, 0);
  }

  #participant(conversationId: string, userId: string): History['database']['participants'][number] {
    const lastReadSeq = this.#marks.get(`${conversationId} ${userId}`) ?? 0;
    const recount = this.#rows.filter(
      (row) => row.conversationId === conversationId && row.senderId !== userId && row.seq > lastReadSeq,
    ).length;
    return { conversationId, userId, lastReadSeq, unreadCount: recount, recount };
  }

  #lastSeq(conversationId: string): number {
    return this.#rows.filter((row) => row.conversationId === conversationId).length;
  }

  #device(number: number): DeviceHistory {
    return pick(this.#devices, number);
  }
}

function conversationsOf(userId: string): string[] {
  return PAIRS.flatMap((pair, i) => (pair.includes(userId) ? [`c${i}`] : []));
}

function placesOf(event: DeviceHistory['events'][number]): string[] {
  if (event.kind === 'message') return [placeOf(event)];
  return event.kind === 'synced' ? event.messages.map(placeOf) : [];
}

function placeOf({ conversationId, seq }: SeenMessage): string {
  return `${conversationId} ${seq}`;
}

function pick<T>(choices: readonly T[], number: number): T {
  return choices[number % choices.length] as T;
}
