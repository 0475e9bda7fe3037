import type { MemberAudit, MemberCounts, MemberCountsKey } from '@chat-cluster/domain';
import { createMemberAudit, createUnreadCounts } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { GroupWorld, newUser } from './group-world.ts';

describe('the audit of the counts of members', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let audit: MemberAudit;

  before(async () => {
    database = await freshDatabase();
    audit = createMemberAudit(database.db);
  });
  after(() => database.drop());

  /** Pages of two, so that a group spans pages. */
  async function wrong(): Promise<MemberCounts[]> {
    const all: MemberCounts[] = [];
    let page = await audit.after(undefined, 2);
    for (; page.length > 0; page = await audit.after(page.at(-1), 2)) all.push(...page);
    return all.filter(({ stored, truth }) => JSON.stringify(stored) !== JSON.stringify(truth));
  }

  const key = ({ conversationId, userId }: MemberCountsKey) => ({ conversationId, userId });

  it('finds nothing after sends, mentions, reads, changes, deletions and leaves, and heals planted drift', async () => {
    const world = new GroupWorld(database.db);
    const [owner, a, b, c] = [newUser('owner'), newUser('a'), newUser('b'), newUser('c')];
    const id = await world.create(owner, [a, b, c]);
    await world.create(a, [b]);
    await world.send(id, a);
    const mention = await world.send(id, owner, 'hello', { mentions: [a, b] });
    await world.read(id, b, 2);
    await world.send(id, b, 'all', { mentionsAll: true });
    const last = await world.send(id, a);
    await world.read(id, c, mention.seq);
    await world.edit(id, a, last.seq, 'for you', { mentions: [c] });
    await world.remove(id, owner, mention.seq);
    await world.change(id, c, { type: 'leave' });
    expect(await wrong()).to.deep.equal([]);

    const unread = async () => (await createUnreadCounts(database.db).recount([a, b], [id])).map((one) => one.unread);
    const before = await unread();
    await sql`update members set read_counted = read_counted + 1, mention_count = 7
      where conversation_id = ${id} and user_id = ${a}`.execute(database.db);
    await sql`update members set own_after = own_after + 2 where conversation_id = ${id} and user_id = ${b}`.execute(
      database.db,
    );
    const drifts = await wrong();
    expect(drifts.map(key)).to.have.deep.members([
      { conversationId: id, userId: a },
      { conversationId: id, userId: b },
    ]);
    // The counts of b change before they are healed, so they are left for the next pass.
    await world.send(id, b);
    await world.remove(id, b, (await world.send(id, b)).seq);
    expect((await audit.heal(drifts)).map(key)).to.deep.equal([{ conversationId: id, userId: a }]);
    const again = await wrong();
    expect(again.map(key)).to.deep.equal([{ conversationId: id, userId: b }]);
    expect(await audit.of(again)).to.deep.equal(again);
    expect((await audit.ofUser(b, undefined, 9)).filter((one) => one.conversationId === id)).to.deep.equal(again);
    expect((await audit.heal(again)).map(key)).to.deep.equal(again.map(key));
    expect(await wrong()).to.deep.equal([]);
    const after = await unread();
    expect(after[0]?.count).to.equal((before[0]?.count ?? 0) + 1);
    expect(after[1]?.count).to.equal(before[1]?.count);
    expect(after.map(({ mentionCount }) => mentionCount)).to.deep.equal(before.map(({ mentionCount }) => mentionCount));
  });
});
