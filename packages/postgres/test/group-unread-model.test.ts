import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { newMessageId } from '@chat-cluster/domain';
import { createUnreadCounts } from '@chat-cluster/postgres';
import { freshDatabase, type Random, seededRandom } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { GroupWorld, newUser } from './group-world.ts';

/** `UNREAD_SEED` repeats a run. */
const SEEDS = process.env.UNREAD_SEED ? [process.env.UNREAD_SEED] : Array.from({ length: 3 }, () => newMessageId());
const STEPS = 120;

describe('unread messages of groups by arithmetic', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  for (const seed of SEEDS) {
    it(`equal the unread rows after each of ${STEPS} random operations (UNREAD_SEED=${seed})`, async () => {
      const model = new Model(new GroupWorld(database.db), seededRandom(seed));
      await model.begin();
      const done: string[] = [];
      for (let step = 0; step < STEPS; step++) {
        done.push(await model.step());
        const [arithmetic, rows] = [await byArithmetic(model), await byRows(model)];
        expect(arithmetic, `seed ${seed}, after ${done.slice(-5).join(', ')}`).to.deep.equal(rows);
      }
    });
  }

  /** `user: unread mentions` of every user who ever was a member. */
  async function byArithmetic({ id, everyone }: Model): Promise<string[]> {
    const counts = await createUnreadCounts(database.db).recount(everyone, [id]);
    return counts
      .map(({ userId, unread }) => {
        const [one] = unread.conversations ?? [];
        expect(unread.count).to.equal(one?.count ?? 0);
        return `${userId}: ${one?.count ?? 0} ${unread.mentionCount ?? 0}`;
      })
      .sort();
  }

  async function byRows({ id }: Model): Promise<string[]> {
    const { rows } = await sql<{ line: string }>`
      select m.user_id || ': ' || count(x.seq) || ' ' || count(x.seq) filter (
        where x.extra -> 'mentions' ? m.user_id or x.extra ? 'mentionsAll'
      ) as line
      from members m
      left join messages x on x.conversation_id = m.conversation_id and m.role is not null
        and x.seq > m.last_read_seq and x.sender_id <> m.user_id and x.deleted_at is null
        and not coalesce(x.extra ? 'system', false)
      where m.conversation_id = ${id}::uuid
      group by m.user_id
      order by 1`.execute(database.db);
    return rows.map(({ line }) => line).sort();
  }
});

class Model {
  id = '' as ConversationId;
  readonly everyone: UserId[] = Array.from({ length: 7 }, (_, i) => newUser(`u${i}`));
  readonly #owner = this.everyone[0] as UserId;
  readonly #world: GroupWorld;
  readonly #random: Random;
  readonly #members = new Set<UserId>();
  #lastSeq = 0;

  constructor(world: GroupWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  async begin(): Promise<void> {
    this.id = await this.#world.create(this.#owner, this.everyone.slice(1));
    for (const userId of this.everyone) this.#members.add(userId);
    this.#lastSeq = 1;
  }

  async step(): Promise<string> {
    const user = this.#pick([...this.#members]);
    const seq = 1 + Math.floor(this.#random() * this.#lastSeq);
    switch (Math.floor(this.#random() * 10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#send(user);
      case 4:
        await this.#world.read(this.id, user, this.#random() < 0.4 ? null : seq);
        return `${user} reads up to ${seq}`;
      case 5:
        return this.#attempt(`${user} deletes ${seq}`, () => this.#world.remove(this.id, this.#owner, seq));
      case 6: {
        const mentions = this.#someUsers();
        return this.#attempt(`${user} edits ${seq}`, () =>
          this.#world.edit(this.id, this.#owner, seq, 'edited', { mentions }),
        );
      }
      case 7:
        return this.#attempt(`${user} reacts to ${seq}`, () => this.#world.react(this.id, user, seq, '👍'));
      case 8:
        return this.#rename();
      default:
        return this.#changeMembers(user);
    }
  }

  async #send(user: UserId): Promise<string> {
    const mentions = this.#someUsers();
    const all = this.#random() < 0.2 ? { mentionsAll: true as const } : {};
    const message = await this.#world.send(this.id, user, 'hello', {
      ...(mentions.length > 0 && { mentions }),
      ...all,
    });
    this.#lastSeq = message.seq;
    return `${user} sends ${message.seq}`;
  }

  async #rename(): Promise<string> {
    const { entry } = await this.#world.change(this.id, this.#owner, { type: 'rename', title: newMessageId() });
    this.#lastSeq = entry?.seq ?? this.#lastSeq;
    return 'rename';
  }

  async #changeMembers(user: UserId): Promise<string> {
    const absent = this.everyone.filter((one) => !this.#members.has(one));
    if (absent.length > 0 && this.#random() < 0.6) {
      const joined = this.#pick(absent);
      const history = this.#random() < 0.5 ? 'all' : 'none';
      const { entry } = await this.#world.change(this.id, this.#owner, { type: 'add', userIds: [joined], history });
      this.#members.add(joined);
      this.#lastSeq = entry?.seq ?? this.#lastSeq;
      return `${joined} joins`;
    }
    if (user === this.#owner || this.#members.size < 3) return 'nothing';
    const { entry } = await this.#world.change(this.id, user, { type: 'leave' });
    this.#members.delete(user);
    this.#lastSeq = entry?.seq ?? this.#lastSeq;
    return `${user} leaves`;
  }

  /** Entries about the group and deleted messages cannot be changed; then nothing may change. */
  async #attempt(what: string, change: () => Promise<unknown>): Promise<string> {
    return change().then(
      () => what,
      (error: Error) => {
        if (error.name !== 'Rejection') throw error;
        return `${what}: rejected`;
      },
    );
  }

  #someUsers(): UserId[] {
    return this.#random() < 0.6 ? [] : this.everyone.filter(() => this.#random() < 0.4);
  }

  #pick<T>(all: readonly T[]): T {
    return all[Math.floor(this.#random() * all.length)] as T;
  }
}
