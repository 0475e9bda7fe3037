import type { ClientMessageId, ConversationId, Message, Session } from '@chat-cluster/contracts';
import { expect } from 'chai';
import fc from 'fast-check';
import { createCore } from './core-output.ts';
import { conversationId, EPOCH, message, summary, synced } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';
import { ManualWire } from './manual-wire.ts';

/** What happens next. Numbers choose among what is possible at that moment. */
type Step =
  | { kind: 'store' | 'send' | 'reconnect' | 'time' | 'open' }
  | { kind: 'event' | 'repeat' | 'lose' | 'answer' | 'history' | 'list'; pick: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('store', 'send', 'time') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reconnect', 'open') }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('event', 'answer'), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('repeat', 'lose', 'history', 'list'), pick: fc.nat(20) }) },
) as fc.Arbitrary<Step>;

const ID = conversationId(1);

describe('all interleavings of events, acks, syncs, history and lists', () => {
  for (const known of [true, false]) {
    it(`deliver each message once, in order, and lose none, if the conversation is ${known ? '' : 'not '}known`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (plan) => {
          const world = new SmallWorld(known);
          for (const step of plan) await world.do(step);
          await world.settle();
          world.check();
        }),
        { numRuns: 400 },
      );
    });
  }
});

/** One conversation, its server, and one device with a lossy connection. */
class SmallWorld {
  #clock = new ManualClock();
  #wire = new ManualWire();
  #parts = createCore(this.#clock);
  #stored: Message[] = [];
  /** Events under way to the device. */
  #events: Message[] = [];
  #past: Message[] = [];
  #sent = 0;
  #base: number;

  constructor(known: boolean) {
    this.#base = known ? 3 : 0;
    for (let i = 0; i < this.#base; i++) this.#store();
    this.#connect();
    // The first sync begins the feed, so that everything later is new.
    this.#answer(0);
    if (known) this.#parts.core.summary(summary(1, this.#base));
    this.#events = [];
  }

  async do(step: Step): Promise<void> {
    const { core } = this.#parts;
    if (step.kind === 'store') this.#store();
    else if (step.kind === 'send') this.#send();
    else if (step.kind === 'reconnect') this.#reconnect();
    else if (step.kind === 'time') await this.#clock.advance(600);
    else if (!('pick' in step)) core.open(ID);
    else if (step.kind === 'answer') this.#answer(step.pick);
    else if (step.kind === 'list') {
      // A page of the list that may be old.
      const seq = this.#stored.length === 0 ? 0 : step.pick % (this.#stored.length + 1);
      if (seq > 0 && core.conversations.has(ID))
        core.summary(summary(1, seq, { lastMessage: this.#stored[seq - 1] ?? null }));
    } else if (step.kind === 'history') this.#load(step.pick);
    else this.#deliver(step.kind, step.pick);
  }

  /** The connection works again: everything under way arrives. */
  async settle(): Promise<void> {
    this.#reconnect();
    for (let i = 0; i < 200; i++) {
      if (this.#wire.received.length > 0) this.#answer(0);
      else if (this.#parts.core.sync.isBusy || this.#parts.core.outbox.size > 0) await this.#clock.advance(2_000);
      else return;
    }
    throw new Error('the device does not come to rest');
  }

  check(): void {
    const { messages, stored, core } = this.#parts;
    const expected = this.#stored.slice(this.#base).map(({ seq }) => seq);
    expect(messages.map(({ seq }) => seq)).to.deep.equal(expected);
    expect(stored.length, 'own messages').to.equal(this.#sent);
    expect(new Set(stored).size).to.equal(stored.length);
    const window = core.conversations.get(ID)?.window;
    if (!window) return;
    const shown = window.messages.map(({ seq }) => seq);
    expect(shown, 'window').to.deep.equal(this.#stored.map(({ seq }) => seq).slice(-shown.length));
    expect(shown.at(-1) ?? 0).to.equal(this.#stored.length);
  }

  #connect(): void {
    this.#parts.core.connected(this.#wire, { userId: 'alice', epoch: EPOCH } as unknown as Session);
    this.#parts.core.outbox.start(this.#wire);
  }

  #reconnect(): void {
    this.#parts.core.disconnected();
    this.#events = [];
    this.#wire = new ManualWire();
    this.#connect();
  }

  #store(fields: Partial<Message> = {}): Message {
    const stored = message(1, this.#stored.length + 1, fields);
    this.#stored.push(stored);
    this.#events.push(stored);
    return stored;
  }

  #send(): void {
    const order = ++this.#sent;
    this.#parts.core.outbox.add({
      clientMessageId: `own-${order}` as ClientMessageId,
      conversationId: ID,
      content: 'own',
      attachments: [],
      sentAt: 0,
      queuedAt: this.#clock.now(),
      order,
      status: 'queued',
      attempt: 0,
    });
  }

  #deliver(kind: string, pick: number): void {
    const from = kind === 'repeat' ? this.#past : this.#events;
    const chosen = from[pick % Math.max(1, from.length)];
    if (!chosen) return;
    if (kind !== 'repeat') this.#events.splice(this.#events.indexOf(chosen), 1);
    if (kind === 'lose') {
      // The cluster detects it.
      this.#parts.core.event('sync_required', { reason: 'fanout_gap' });
      return;
    }
    this.#past.push(chosen);
    this.#parts.core.event('new_message', chosen);
  }

  /** Answers one request of the device from the state of this moment. */
  #answer(pick: number): void {
    const { received } = this.#wire;
    const [request] = received.splice(pick % Math.max(1, received.length), 1);
    if (!request) return;
    if (request.event === 'send_message') {
      const { clientMessageId } = request.payload;
      const known = this.#stored.find((one) => one.clientMessageId === clientMessageId);
      const fields = { clientMessageId, senderId: 'alice', receiverId: 'bob' } as Partial<Message>;
      request.answer({ ok: true, duplicate: known !== undefined, message: known ?? this.#store(fields) });
    } else request.answer(this.#synced(request.payload));
  }

  #synced({
    conversations,
    since,
    limit,
  }: {
    conversations: { id: ConversationId; afterSeq: number }[];
    since?: string;
    limit: number;
  }): object {
    const lastSeq = this.#stored.length;
    const exists = lastSeq > 0;
    const answers = conversations.map(({ id, afterSeq }) => {
      const messages = this.#stored.filter(({ seq }) => seq > afterSeq && seq <= afterSeq + limit);
      return { id, messages, lastSeq, hasMore: false, readMarks: [] };
    });
    const entry = { ...summary(1, lastSeq, { lastMessage: this.#stored.at(-1) ?? null }), readMarks: [] };
    const listed = exists && since !== 'now' ? [entry] : [];
    const feed = since === undefined ? undefined : { conversations: listed, since: 's1', hasMore: false };
    return synced({ conversations: answers, ...(feed ? { feed } : { feed: undefined }) });
  }

  #load(pick: number): void {
    const { core } = this.#parts;
    const window = core.conversations.get(ID)?.window;
    const first = window?.messages[0]?.seq ?? 0;
    if (!window || first <= 1) return;
    const from = Math.max(1, first - 1 - (pick % 5));
    core.history.load(ID, from, first - 1, (_, messages) => window.extend(messages));
  }
}
