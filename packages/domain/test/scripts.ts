import type { ConversationId, Entry, UserId } from '@chat-cluster/contracts';
import { type BatchOutcome, newConversationId } from '@chat-cluster/domain';
import fc from 'fast-check';
import { newUsers, read, send, type World } from './world.ts';

/**
 * One step of a plan: batches without ids, so that the same plan can run on two stages and be compared. It has a few
 * talks between three users (`aa` is a conversation with oneself, `none` does not exist), sends that share few client
 * message ids, and reads by participants and strangers.
 */
export type Step =
  | { kind: 'send'; talk: Talk; by: 0 | 1; key: string | undefined; content: string | null }
  | { kind: 'read'; talk: Talk; by: 0 | 1 | 'stranger'; upToSeq: number | null };

type Talk = 'ab' | 'ac' | 'aa' | 'none';

const talk = fc.constantFrom<Talk>('ab', 'ab', 'ab', 'ac', 'aa', 'none');

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('send' as const),
    talk,
    by: fc.constantFrom(0 as const, 1 as const),
    key: fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined }),
    content: fc.option(fc.constantFrom('hello', '"{}"', ''), { nil: null }),
  }),
  fc.record({
    kind: fc.constant('read' as const),
    talk,
    by: fc.constantFrom(0 as const, 1 as const, 0 as const, 1 as const, 'stranger' as const),
    upToSeq: fc.option(fc.nat(9), { nil: null, freq: 2 }),
  }),
);

/** A few successive batches. */
export const plan: fc.Arbitrary<Step[][]> = fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 3,
});

/** Where a plan runs: its own users and conversations in a world, with a name for each id. */
export interface Stage {
  entriesOf(batch: readonly Step[]): Entry[];
  /** `value` with the names of this stage instead of its ids; times, which differ between stages, become `then`. */
  plain<T>(value: T): T;
  /** The stored state as plain data. */
  state(): Promise<{ history: unknown; marks: unknown; totals: number[] }>;
  /** The current result of a read of `entry` as plain data. */
  readNow(entry: Entry): Promise<{ kind: 'read'; upToSeq: number; unreadCount: number } | undefined>;
}

export async function newStage(world: World): Promise<Stage> {
  const users = newUsers('ann', 'bob', 'cat', 'stranger');
  const { ann, bob, cat } = users;
  const talks: Record<Talk, { id: ConversationId; users: [UserId, UserId] }> = {
    ab: { id: newConversationId(), users: [ann, bob] },
    ac: { id: newConversationId(), users: [ann, cat] },
    aa: { id: newConversationId(), users: [ann, ann] },
    none: { id: newConversationId(), users: [ann, bob] },
  };
  for (const { id, users } of [talks.ab, talks.ac]) await world.open(id, users);
  await world.open(talks.aa.id, [ann]);

  const names = new Map<string, string>(Object.entries(users).map(([name, id]) => [id, name]));
  for (const [name, { id }] of Object.entries(talks)) names.set(id, name);

  const plain = <T>(value: T): T => {
    const text = JSON.stringify(value)
      .replace(/"((?:\w+-)?[0-9a-f]{8}-[0-9a-f-]{27})"/g, (quoted, id) => JSON.stringify(names.get(id) ?? quoted))
      .replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"then"');
    return JSON.parse(text);
  };
  return {
    plain,
    entriesOf: (batch) =>
      batch.map((step) => {
        const { id, users: pair } = talks[step.talk];
        const by = step.by === 'stranger' ? users.stranger : pair[step.by];
        const other = step.by === 0 ? pair[1] : pair[0];
        if (step.kind === 'read') return read(id, by, other, step.upToSeq);
        const { key, content } = step;
        const entry = send(id, by, other, { ...(key === undefined ? {} : { key }), content });
        names.set(entry.id, `message ${names.size}`);
        return entry;
      }),
    async state() {
      const ids = Object.values(talks).map(({ id }) => id);
      return plain({
        history: await Promise.all(ids.map((id) => world.history(id))),
        marks: await Promise.all(ids.map(async (id) => [...(await world.marks(id))].sort())),
        totals: await world.totals([ann, bob, cat]),
      });
    },
    async readNow(entry) {
      if (entry.kind !== 'read') return undefined;
      const upToSeq = (await world.marks(entry.conversationId)).get(entry.userId);
      if (upToSeq === undefined) return undefined;
      const [unreadCount = 0] = await world.totals([entry.userId]);
      return { kind: 'read', upToSeq, unreadCount };
    },
  };
}

/** The events of a batch, without duplicates and without an order between different kinds. */
export function eventsOf(stage: Stage, outcomes: readonly BatchOutcome[]) {
  const last = new Map<string, unknown>();
  for (const { receipts } of outcomes) {
    for (const one of receipts) last.set(`${one.receipt.conversationId} ${one.receipt.userId}`, stage.plain(one));
  }
  const lines = (values: Iterable<unknown>) => [...new Set([...values].map((value) => JSON.stringify(value)))].sort();
  return {
    messages: stage.plain(outcomes.flatMap((outcome) => outcome.messages)),
    receipts: lines(last.values()),
    badges: lines(stage.plain(outcomes.flatMap((outcome) => outcome.badges))),
  };
}
