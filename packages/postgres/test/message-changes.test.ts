import { randomUUID } from 'node:crypto';
import {
  type ClientMessageId,
  type ConversationId,
  type ErrorCode,
  LIMITS,
  type Message,
  Rejection,
  type SendEntry,
  type UserId,
} from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import {
  createConversationStore,
  createGroupReads,
  createHistory,
  createMessageStore,
  createUnreadCounts,
} from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { GroupWorld, newUser, sendEntry } from './group-world.ts';

describe('changes of messages on Postgres', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let world: GroupWorld;

  before(async () => {
    database = await freshDatabase();
    world = new GroupWorld(database.db);
  });
  after(() => database.drop());

  async function direct(texts: string[]): Promise<{ id: ConversationId; a: UserId; b: UserId }> {
    const [a, b] = [newUser('a'), newUser('b')];
    const { conversation } = await createConversationStore(database.db).open(newConversationId(), a, b);
    const { id } = conversation;
    await createMessageStore(database.db).storeSends(texts.map((content) => send(id, a, b, content)));
    return { id, a, b };
  }

  async function message(id: ConversationId, seq: number): Promise<Message | undefined> {
    const [messages] = await createHistory(database.db).ranges([{ id, fromSeq: seq, toSeq: seq }]);
    return messages?.[0];
  }

  async function unreadOf(user: UserId): Promise<{ count: number; mentionCount?: number | undefined } | undefined> {
    const [summary] = await createUnreadCounts(database.db).summaries([user]);
    return summary && { count: summary.count, mentionCount: summary.mentionCount };
  }

  it('edit a message, keep its versions, and have dense numbers beside the messages', async () => {
    const { id, a, b } = await direct(['one', 'two']);
    const edited = await world.edit(id, a, 1, 'one!');
    expect(edited.changed).to.deep.include({ seq: 1, rev: 1, by: a, edited: { content: 'one!' } });
    expect(edited.to).to.deep.equal({ users: [a, b] });
    await world.react(id, b, 2, '👍');
    await world.edit(id, a, 1, 'one?');
    expect(await message(id, 1)).to.deep.include({ content: 'one?', rev: 3, receiverId: b });
    const reads = createGroupReads(database.db);
    expect((await reads.versions(id, 1)).map(({ content }) => content)).to.deep.equal(['one', 'one!']);
    const changes = await reads.changes(id, { afterRev: 1, upToSeq: 9, limit: 10 });
    expect([changes.messages.map(({ seq, rev }) => [seq, rev]), changes.lastRev]).to.deep.equal([
      [
        [2, 2],
        [1, 3],
      ],
      3,
    ]);
    const [head] = await createHistory(database.db).heads([{ id, userId: b }]);
    expect(head).to.include({ lastSeq: 2, lastRev: 3 });
  });

  it('edit once by a change id', async () => {
    const { id, a } = await direct(['one']);
    const first = await world.edit(id, a, 1, 'two', { changeId: 'c' });
    const again = await world.edit(id, a, 1, 'three', { changeId: 'c' });
    // The whole state of the message: a later change of another kind may have had its number.
    expect([again.message, again.changed]).to.deep.equal([first.message, { ...first.changed, reactions: [] }]);
  });

  it('edit again by another user with the same change id', async () => {
    const [owner, member] = [newUser('owner'), newUser('member')];
    const id = await world.create(owner, [member]);
    const { seq } = await world.send(id, member, 'one');
    await world.edit(id, member, seq, 'two', { changeId: 'c-1' });
    await world.edit(id, owner, seq, 'moderated', { changeId: 'c-1' });
    expect((await message(id, seq))?.content).to.equal('moderated');
  });

  it('edit a message at most as often as the limit, whose earlier texts are read at once', async () => {
    const { id, a } = await direct(['one']);
    for (let n = 0; n < LIMITS.edits; n++) await world.edit(id, a, 1, `${n}`, { changeId: `c-${n}` });
    expect(await codeOf(world.edit(id, a, 1, 'one more'))).to.equal('LIMIT_EXCEEDED');
    expect((await world.edit(id, a, 1, 'again', { changeId: 'c-1' })).message.content).to.equal(`${LIMITS.edits - 1}`);
    expect(await createGroupReads(database.db).versions(id, 1)).to.have.length(LIMITS.edits);
  });

  it('edit a direct message with mentions of its participants only', async () => {
    const { id, a, b } = await direct(['one']);
    const { message: edited } = await world.edit(id, a, 1, 'two', { mentions: [b, newUser('stranger')] });
    expect(edited.mentions).to.deep.equal([b]);
  });

  it('are refused to others, after the window, of deleted messages and of what the user cannot see', async () => {
    const { id, a, b } = await direct(['one', 'two']);
    expect(await codeOf(world.edit(id, b, 1, 'x'))).to.equal('FORBIDDEN');
    expect(await codeOf(world.remove(id, b, 1))).to.equal('FORBIDDEN');
    expect(await codeOf(world.edit(id, a, 9, 'x'))).to.equal('MESSAGE_NOT_FOUND');
    expect(await codeOf(world.edit(id, newUser('stranger'), 1, 'x'))).to.equal('CONVERSATION_NOT_FOUND');
    await world.remove(id, a, 1);
    expect(await codeOf(world.edit(id, a, 1, 'x'))).to.equal('MESSAGE_NOT_FOUND');
    expect(await codeOf(world.react(id, b, 1, '👍'))).to.equal('MESSAGE_NOT_FOUND');
    await sql`update messages set created_at = now() - interval '16 minutes' where conversation_id = ${id}`.execute(
      database.db,
    );
    expect(await codeOf(world.edit(id, a, 2, 'x'))).to.equal('TOO_LATE');
    expect(await codeOf(world.remove(id, a, 2))).to.equal('TOO_LATE');
    const never = new GroupWorld(database.db, { editWindowMs: 0 });
    expect(await codeOf(never.edit(id, a, 2, 'x'))).to.equal('FORBIDDEN');
    expect((await createHistory(database.db).heads([{ id, userId: a }]))[0]?.lastRev).to.equal(1);
  });

  it('are allowed to admins of a group at any time, within the windows of their membership', async () => {
    const [owner, member] = [newUser('owner'), newUser('member')];
    const id = await world.create(owner, [member]);
    const sent = await world.send(id, member, 'one');
    await sql`update messages set created_at = now() - interval '1 day' where conversation_id = ${id}`.execute(
      database.db,
    );
    expect(await codeOf(world.edit(id, member, sent.seq, 'x'))).to.equal('TOO_LATE');
    await world.edit(id, owner, sent.seq, 'moderated');
    expect(await codeOf(world.edit(id, owner, 1, 'x')), 'the entry of the creation').to.equal('FORBIDDEN');
    const late = newUser('late');
    await world.change(id, owner, { type: 'add', userIds: [late], history: 'none' });
    expect(await codeOf(world.react(id, late, sent.seq, '👍'))).to.equal('MESSAGE_NOT_FOUND');
  });

  it('remove the content of a deleted message everywhere, and lower the badge of who has not read it', async () => {
    const { id, a, b } = await direct(['one', 'two']);
    await world.edit(id, a, 2, 'secret');
    await world.react(id, b, 2, '👍');
    expect(await unreadOf(b)).to.deep.include({ count: 2 });
    const deleted = await world.remove(id, a, 2);
    expect(deleted.badges).to.deep.equal([b]);
    expect(deleted.changed).to.deep.include({ seq: 2, deleted: true, by: a });
    expect(await message(id, 2)).to.deep.include({ content: null, attachments: [], deletedBy: a });
    expect(await message(id, 2)).to.not.have.any.keys('reactions');
    const reads = createGroupReads(database.db);
    expect((await reads.versions(id, 2)).map(({ content }) => content)).to.deep.equal([null]);
    expect(await unreadOf(b)).to.deep.include({ count: 1 });
    const again = await world.remove(id, a, 2);
    expect(again.changed).to.deep.equal(deleted.changed);
    expect(again.badges, 'the first run may have died before the recount').to.deep.equal([b]);
    expect(await unreadOf(b)).to.deep.include({ count: 1 });
    const store = createMessageStore(database.db);
    const [marked] = await store.markRead([{ conversationId: id, userId: b, upToSeq: 1 }]);
    expect(marked).to.include({ upToSeq: 1, unreadCount: 0 });
  });

  it('empty the quotes of a deleted message, in replies before and after the deletion', async () => {
    const { id, a, b } = await direct(['secret', 'two']);
    const store = createMessageStore(database.db);
    const replyTo = { seq: 1, senderId: a, text: 'secret' };
    const other = { seq: 2, senderId: a, text: 'two' };
    await store.storeSends([
      { ...send(id, b, a, 'three'), replyTo },
      { ...send(id, b, a, 'four'), replyTo: other },
    ]);
    await world.remove(id, a, 1);
    const emptied = { seq: 1, senderId: a, text: null, deleted: true };
    expect((await message(id, 3))?.replyTo).to.deep.equal(emptied);
    expect((await message(id, 4))?.replyTo).to.deep.equal(other);
    // Accepted before the deletion, and stored after it.
    const late = { ...send(id, b, a, 'five', 'late'), replyTo, mentions: [a] };
    for (const sends of [[late], [late, { ...send(id, a, b, 'six'), replyTo }]]) {
      for (const stored of await store.storeSends(sends)) {
        expect(stored?.earlier ?? stored).to.deep.include({ replyTo: emptied });
      }
    }
    expect(await message(id, 5)).to.deep.include({ replyTo: emptied, mentions: [a] });
    expect(await message(id, 6)).to.deep.include({ replyTo: emptied });
    const text = await sql<{ text: string }>`
      select string_agg(coalesce(extra::text, ''), '') as text from messages where conversation_id = ${id}`.execute(
      database.db,
    );
    expect(text.rows[0]?.text).to.not.include('secret');
  });

  it('empty the quotes of a deleted message of a group, also in the run of its deletion', async () => {
    const [owner, member] = [newUser('owner'), newUser('member')];
    const id = await world.create(owner, [member]);
    const { seq } = await world.send(id, member, 'secret');
    const replyTo = { seq, senderId: member, text: 'secret' };
    const first = await world.send(id, owner, 'first', { replyTo });
    const deletion = {
      kind: 'message_change',
      conversationId: id,
      by: owner,
      seq,
      change: { type: 'delete' },
    } as const;
    const outcomes = await world.writes.apply([deletion, sendEntry(id, owner, 'second', { replyTo })]);
    const emptied = { seq, senderId: member, text: null, deleted: true };
    expect(outcomes[1]).to.have.nested.property('message.replyTo').that.deep.equals(emptied);
    const third = await world.send(id, owner, 'third', { replyTo });
    expect(third.replyTo).to.deep.equal(emptied);
    for (const at of [first.seq, first.seq + 1, third.seq]) {
      expect((await message(id, at))?.replyTo, `entry ${at}`).to.deep.equal(emptied);
    }
  });

  for (const size of [3, LIMITS.smallGroup + 1]) {
    it(`are sent to members who may see the message only, except deletions: ${size} members`, async () => {
      const [owner, later] = [newUser('owner'), newUser('later')];
      const members = Array.from({ length: size - 1 }, (_, i) => newUser(`m${i}`));
      const id = await world.create(owner, members);
      const { seq } = await world.send(id, owner, 'before');
      const everyone = await world.react(id, owner, seq, '👍');
      await world.change(id, owner, { type: 'add', userIds: [later], history: 'none' });
      const own = (await world.send(id, owner, 'after')).seq;
      const see = [owner, ...members].toSorted();
      const hasRoom = size > LIMITS.smallGroup;
      expect(everyone.to).to.deep.equal(hasRoom ? { room: id } : { users: see });
      for (const { to } of [await world.edit(id, owner, seq, 'edited'), await world.react(id, owner, seq, '👎')]) {
        expect(to).to.deep.equal(hasRoom ? { room: id, only: see } : { users: see });
      }
      const all = hasRoom ? { room: id } : { users: [later, ...see].toSorted() };
      expect((await world.edit(id, owner, own, 'edited')).to).to.deep.equal(all);
      expect((await world.remove(id, owner, seq)).to).to.deep.equal(all);
    });
  }

  it('move mentions with an edit', async () => {
    const [owner, x, y] = [newUser('owner'), newUser('x'), newUser('y')];
    const id = await world.create(owner, [x, y]);
    const sent = await world.send(id, owner, 'hi', { mentions: [x] });
    await world.edit(id, owner, sent.seq, 'hi', { mentions: [y] });
    expect([await unreadOf(x), await unreadOf(y)]).to.deep.equal([
      { count: 1, mentionCount: undefined },
      { count: 1, mentionCount: 1 },
    ]);
  });

  it('count reactions, of at most 20 kinds, in the order of the first of each', async () => {
    const { id, a, b } = await direct(['one']);
    await world.react(id, a, 1, '👍');
    await world.react(id, b, 1, '🎉');
    await world.react(id, b, 1, '👍');
    const repeated = await world.react(id, b, 1, '👍');
    expect(repeated.message).to.deep.include({
      rev: 3,
      reactions: [
        { emoji: '👍', count: 2 },
        { emoji: '🎉', count: 1 },
      ],
    });
    const reads = createGroupReads(database.db);
    expect(await reads.reactors(id, 1, '👍', 10)).to.have.members([a, b]);
    expect([...(await reads.ownReactions(b, id, [1]))]).to.deep.equal([[1, ['🎉', '👍'].sort()]]);
    await world.react(id, b, 1, '🎉', false);
    for (let kind = 0; kind < 19; kind++) await world.react(id, a, 1, `:${kind}:`);
    expect(await codeOf(world.react(id, b, 1, ':more:'))).to.equal('LIMIT_EXCEEDED');
    await world.react(id, b, 1, ':3:');
    expect((await message(id, 1))?.reactions).to.have.length(20);
  });

  it('are in the message of a resend, and of a send with extras', async () => {
    const { id, a, b } = await direct(['one']);
    const replyTo = { seq: 1, senderId: a, text: 'one' };
    const entry = { ...send(id, b, a, 'two', 'k'), replyTo };
    const store = createMessageStore(database.db);
    await store.storeSends([entry, send(id, a, b, 'three')]);
    expect(await message(id, 2)).to.deep.include({ content: 'two', replyTo });
    expect(await message(id, 3)).to.not.have.any.keys('replyTo');
    await world.edit(id, b, 2, 'two!');
    const [resent] = await store.storeSends([send(id, b, a, 'again', 'k')]);
    expect(resent?.earlier).to.deep.include({ content: 'two!', replyTo, rev: 1 });
  });
});

function send(id: ConversationId, senderId: UserId, receiverId: UserId, content: string, key: string = randomUUID()) {
  const clientMessageId = key as ClientMessageId;
  const entry = {
    kind: 'send',
    id: newMessageId(),
    conversationId: id,
    senderId,
    receiverId,
    clientMessageId,
  } as const;
  return { ...entry, content, attachments: [] } satisfies SendEntry;
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'fulfilled'> {
  return promise.then(
    () => 'fulfilled' as const,
    (error: unknown) => {
      if (error instanceof Rejection) return error.payload.code;
      throw error;
    },
  );
}
