import type { Message, MessageChanged, Session, SyncedConversation, UserId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import fc from 'fast-check';
import { Revisions } from '../src/groups/revisions.ts';
import { hiddenUpTo, visibleParts } from '../src/groups/windows.ts';
import { createCore } from './core-output.ts';
import { conversationId, EPOCH, message, summary, synced } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';
import { ManualWire } from './manual-wire.ts';

/** What happens next. Numbers choose among what is possible at that moment. */
type Step =
  | { kind: 'store' | 'reconnect' | 'time' | 'open' | 'release' | 'membership' }
  | { kind: 'change' | 'event' | 'repeat' | 'lose' | 'read' | 'answer' | 'history' | 'list'; pick: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('store', 'time') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('reconnect', 'open', 'release', 'membership') }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constantFrom('change', 'event', 'answer'), pick: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('repeat', 'lose', 'history', 'list', 'read'), pick: fc.nat(20) }),
  },
) as fc.Arbitrary<Step>;

const ID = conversationId(1);
const ALICE = 'alice' as UserId;

describe('all interleavings of changes and memberships with events, syncs, history and lists', () => {
  for (const known of [true, false]) {
    it(`show the last version of each message, if the conversation is ${known ? '' : 'not '}known`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (plan) => {
          const world = new SmallGroup(known);
          for (const step of plan) await world.do(step);
          await world.settle();
          world.check();
        }),
        { numRuns: 600 },
      );
    });
  }
});

type Event = { name: 'new_message'; payload: Message } | { name: 'message_changed'; payload: MessageChanged };

/** A group, its server, and one device of a member with a lossy connection. */
class SmallGroup {
  #clock = new ManualClock();
  #wire = new ManualWire();
  #parts = createCore(this.#clock, { windowSize: 100 });
  #revisions = new Revisions({ core: this.#parts.core, changed: () => {} });
  #stored: Message[] = [];
  #lastRev = 0;
  /** `toSeq` null: the user is a member. */
  #windows: { fromSeq: number; toSeq: number | null }[] = [{ fromSeq: 1, toSeq: null }];
  /** Events under way to the device. */
  #events: Event[] = [];
  #past: Event[] = [];
  /** Answers that the server has made, under way to the device. */
  #answers: (() => void)[] = [];

  constructor(known: boolean) {
    const { core } = this.#parts;
    core.extension = {
      requested: (id) => ({ afterRev: this.#revisions.after(id) }),
      shows: (state, entry) => {
        if (entry.group) {
          state.extra = { ...state.extra, group: entry.group };
          const hidden = hiddenUpTo(entry.group.windows, state.upTo);
          if (hidden !== undefined) state.skipTo(hidden);
        }
        this.#revisions.shown(state, entry);
      },
    };
    for (let i = 0; i < (known ? 5 : 0); i++) this.#store();
    this.#connect();
    this.#serve(0);
    this.#arrive(0);
    if (known) core.summary(this.#summary());
    this.#events = [];
  }

  async do(step: Step): Promise<void> {
    const { core } = this.#parts;
    if (step.kind === 'store') this.#store();
    else if (step.kind === 'reconnect') this.#reconnect();
    else if (step.kind === 'time') await this.#clock.advance(600);
    else if (step.kind === 'open') core.open(ID);
    else if (step.kind === 'release') {
      const state = core.conversations.get(ID);
      if (state) state.window = undefined;
    } else if (step.kind === 'membership') this.#toggle();
    else if (!('pick' in step)) throw new Error(`unknown step ${step.kind}`);
    else if (step.kind === 'change') this.#change(step.pick);
    else if (step.kind === 'read') this.#serve(step.pick);
    else if (step.kind === 'answer') {
      if (this.#answers.length === 0) this.#serve(step.pick);
      this.#arrive(step.pick);
    } else if (step.kind === 'list') this.#list();
    else if (step.kind === 'history') this.#load(step.pick);
    else this.#deliver(step.kind, step.pick);
  }

  /** The connection works again: everything under way arrives. */
  async settle(): Promise<void> {
    this.#reconnect();
    for (let i = 0; i < 300; i++) {
      if (this.#wire.received.length > 0) this.#serve(0);
      else if (this.#answers.length > 0) this.#arrive(0);
      else if (this.#parts.core.sync.isBusy) await this.#clock.advance(2_000);
      else return;
    }
    throw new Error('the device does not come to rest');
  }

  check(): void {
    const { core, messages } = this.#parts;
    const seqs = messages.map(({ seq }) => seq);
    expect(seqs, 'delivered once and in order').to.deep.equal([...new Set(seqs)].sort((a, b) => a - b));
    const state = core.conversations.get(ID);
    const last = this.#visible().at(-1);
    if (!state || !last) return;
    expect(state.isComplete, 'complete').to.equal(true);
    if (state.lastMessage) expect(essence(state.lastMessage), 'last message').to.deep.equal(essence(last));
    const shown = state.window?.messages.map(essence);
    if (shown) expect(shown, 'window').to.deep.equal(this.#visible().slice(-shown.length).map(essence));
  }

  #visible(): Message[] {
    return this.#stored.filter(({ seq }) =>
      this.#windows.some((one) => seq >= one.fromSeq && seq <= (one.toSeq ?? seq)),
    );
  }

  get #isMember(): boolean {
    return this.#windows.at(-1)?.toSeq === null;
  }

  /** The user is removed, or added again: entries in between stay hidden. Both are entries that the user sees. */
  #toggle(): void {
    const window = this.#windows.at(-1);
    if (window?.toSeq === null) {
      this.#store();
      window.toSeq = this.#stored.length;
    } else {
      this.#windows.push({ fromSeq: this.#stored.length + 1, toSeq: null });
      this.#store();
    }
  }

  #connect(): void {
    this.#parts.core.connected(this.#wire, { userId: ALICE, epoch: EPOCH } as unknown as Session);
  }

  #reconnect(): void {
    this.#parts.core.disconnected();
    this.#revisions.doubt();
    this.#events = [];
    this.#answers = [];
    this.#wire = new ManualWire();
    this.#connect();
  }

  #store(): void {
    const { receiverId, ...stored } = message(1, this.#stored.length + 1);
    this.#stored.push(stored);
    if (this.#isMember) this.#events.push({ name: 'new_message', payload: stored });
  }

  #change(pick: number): void {
    const stored = this.#stored[pick % Math.max(1, this.#stored.length)];
    if (!stored) return;
    const { seq } = stored;
    const rev = ++this.#lastRev;
    const at = new Date(rev * 1_000).toISOString();
    const content = `version ${rev}`;
    this.#stored[seq - 1] = { ...stored, content, editedAt: at, rev };
    const payload = { conversationId: ID, seq, rev, by: 'bob' as UserId, at, edited: { content } };
    if (this.#isMember) this.#events.push({ name: 'message_changed', payload });
  }

  #deliver(kind: string, pick: number): void {
    const from = kind === 'repeat' ? this.#past : this.#events;
    const chosen = from[pick % Math.max(1, from.length)];
    if (!chosen) return;
    if (kind !== 'repeat') this.#events.splice(this.#events.indexOf(chosen), 1);
    const { core } = this.#parts;
    if (kind === 'lose') {
      // The cluster detects it.
      core.event('sync_required', { reason: 'fanout_gap' });
      this.#revisions.doubt();
      return;
    }
    this.#past.push(chosen);
    core.event(chosen.name, chosen.payload);
    if (chosen.name === 'message_changed') this.#revisions.receive(chosen.payload);
  }

  /** The server reads its answer to a request now; it arrives later. */
  #serve(pick: number): void {
    const { received } = this.#wire;
    const [request] = received.splice(pick % Math.max(1, received.length), 1);
    if (!request) return;
    const answer = this.#synced(request.payload);
    this.#answers.push(() => request.answer(answer));
  }

  #arrive(pick: number): void {
    const [answer] = this.#answers.splice(pick % Math.max(1, this.#answers.length), 1);
    answer?.();
  }

  #list(): void {
    const { core } = this.#parts;
    const page = this.#summary();
    if (core.conversations.has(ID)) this.#answers.push(() => core.summary(page));
  }

  #load(pick: number): void {
    const { core } = this.#parts;
    const window = core.conversations.get(ID)?.window;
    const first = window?.messages[0]?.seq ?? 0;
    if (!window || first <= 1) return;
    const range = visibleParts([{ fromSeq: Math.max(1, first - 1 - (pick % 5)), toSeq: first - 1 }], this.#windows).at(
      -1,
    );
    if (!range) return;
    window.loads++;
    core.history.load(ID, range.fromSeq, range.toSeq, (_, messages) => {
      window.loads--;
      window.extend(messages);
    });
  }

  #group(): SyncedConversation['group'] {
    const windows = this.#windows.map((one) => ({ ...one }));
    return { title: 'Group', role: this.#isMember ? 'member' : null, memberCount: 2, windows };
  }

  #summary() {
    const last = this.#visible().at(-1) ?? null;
    const { otherUserId, ...entry } = summary(1, last?.seq ?? 0, { lastMessage: last });
    return { ...entry, group: this.#group(), ...(this.#lastRev > 0 && { lastRev: this.#lastRev }) };
  }

  #synced(request: {
    conversations: { afterSeq: number; afterRev?: number }[];
    since?: string;
    limit: number;
  }): object {
    const visible = this.#visible();
    const conversations = request.conversations.map(({ afterSeq, afterRev }) => ({
      id: ID,
      messages: visible.filter(({ seq }) => seq > afterSeq).slice(0, request.limit),
      ...{ lastSeq: visible.at(-1)?.seq ?? 0, hasMore: false, readMarks: [], group: this.#group() },
      ...(afterRev !== undefined && {
        changed: visible.filter(({ seq, rev = 0 }) => seq <= afterSeq && rev > afterRev),
        lastRev: this.#lastRev,
      }),
    }));
    const listed = visible.length > 0 && request.since !== 'now' ? [{ ...this.#summary(), readMarks: [] }] : [];
    const feed = request.since === undefined ? undefined : { conversations: listed, since: 's1', hasMore: false };
    return synced({ conversations, feed });
  }
}

function essence({ seq, content, rev }: Message): object {
  return { seq, content, rev };
}
