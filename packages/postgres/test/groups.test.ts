import type { ConversationId, ErrorCode, Message, Role, UserId } from '@chat-cluster/contracts';
import { LIMITS, Rejection } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import {
  createConversationStore,
  createConversationWrites,
  createGroupReads,
  createHistory,
  createUnreadCounts,
} from '@chat-cluster/postgres';
import { freshDatabase, GROUP_RULES } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { changeEntry, GroupWorld, newUser, sendEntry } from './group-world.ts';

describe('groups on Postgres', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let world: GroupWorld;

  before(async () => {
    database = await freshDatabase();
    world = new GroupWorld(database.db);
  });
  after(() => database.drop());

  const reads = () => createGroupReads(database.db);
  const visible = async (id: ConversationId, user: UserId) => (await reads().group(user, id))?.windows;

  async function people(): Promise<{
    id: ConversationId;
    owner: UserId;
    admin: UserId;
    member: UserId;
    other: UserId;
  }> {
    const [owner, admin, member, other] = [newUser('owner'), newUser('admin'), newUser('member'), newUser('other')];
    const id = await world.create(owner, [admin, member, other]);
    await world.change(id, owner, { type: 'role', userId: admin, role: 'admin' });
    return { id, owner, admin, member, other };
  }

  async function roles(id: ConversationId, by: UserId): Promise<Record<string, Role>> {
    const page = await reads().members(by, id, 100, undefined);
    return Object.fromEntries((page?.members ?? []).map(({ userId, role }) => [userId, role]));
  }

  describe('rights', () => {
    it('follow the role', async () => {
      const { id, owner, admin, member, other } = await people();
      const [guest, stranger] = [newUser('guest'), newUser('stranger')];
      const refusals: [UserId, Parameters<GroupWorld['change']>[2], ErrorCode][] = [
        [member, { type: 'add', userIds: [guest], history: 'none' }, 'FORBIDDEN'],
        [member, { type: 'rename', title: 'x' }, 'FORBIDDEN'],
        [member, { type: 'remove', userId: other }, 'FORBIDDEN'],
        [admin, { type: 'remove', userId: owner }, 'FORBIDDEN'],
        [admin, { type: 'role', userId: other, role: 'admin' }, 'FORBIDDEN'],
        [admin, { type: 'remove', userId: stranger }, 'MEMBER_NOT_FOUND'],
        [owner, { type: 'role', userId: stranger, role: 'admin' }, 'MEMBER_NOT_FOUND'],
        [owner, { type: 'role', userId: owner, role: 'member' }, 'FORBIDDEN'],
        [stranger, { type: 'leave' }, 'CONVERSATION_NOT_FOUND'],
      ];
      const before = await reads().group(owner, id);
      for (const [by, change, code] of refusals) {
        expect(await codeOf(world.change(id, by, change)), `${change.type} by ${by}`).to.equal(code);
      }
      expect(await reads().group(owner, id), 'a rejected change has no effect').to.deep.equal(before);
      expect(await codeOf(world.send(id, stranger))).to.equal('CONVERSATION_NOT_FOUND');
      expect(await codeOf(world.read(id, stranger))).to.equal('CONVERSATION_NOT_FOUND');
      expect(await codeOf(world.send(newConversationId(), owner))).to.equal('CONVERSATION_NOT_FOUND');
    });

    it('end with the membership, also for a message behind the removal in the same batch', async () => {
      const { id, owner, member } = await people();
      const outcomes = await world.writes.apply([
        sendEntry(id, member, 'still a member'),
        changeEntry(id, owner, { type: 'remove', userId: member }),
        sendEntry(id, member, 'too late'),
      ]);
      expect(outcomes.map((one) => (one instanceof Rejection ? one.payload.code : 'stored'))).to.deep.equal([
        'stored',
        'stored',
        'FORBIDDEN',
      ]);
      expect(await codeOf(world.read(id, member))).to.equal('FORBIDDEN');
    });
  });

  it('gives the group of the last owner to the oldest admin, else to the oldest member', async () => {
    const { id, owner, admin, member, other } = await people();
    const { entry, groups } = await world.change(id, owner, { type: 'leave' });
    expect(entry?.system).to.deep.equal({ type: 'left', newOwnerId: admin });
    expect(groups.get(admin)?.role).to.equal('owner');
    expect(groups.get(owner)?.role).to.equal(null);
    await world.change(id, admin, { type: 'leave' });
    const [oldest] = [member, other].sort();
    expect(await roles(id, member)).to.include({ [oldest as string]: 'owner' });
    await world.change(id, member, { type: 'leave' });
    await world.change(id, other, { type: 'leave' });
    expect(await reads().group(other, id)).to.include({ memberCount: 0, role: null });
  });

  describe('windows', () => {
    it('end with the entry of the removal, and begin with that of the next join', async () => {
      const { id, owner, member } = await people();
      await world.send(id, owner, 'seen');
      const removed = await world.change(id, owner, { type: 'remove', userId: member });
      await world.send(id, owner, 'hidden');
      const group = await reads().group(member, id);
      expect(group).to.deep.include({ role: null, lastSeq: removed.entry?.seq });
      expect(group?.windows).to.deep.equal([{ fromSeq: 1, toSeq: removed.entry?.seq }]);
      const added = await world.change(id, owner, { type: 'add', userIds: [member], history: 'none' });
      expect(await visible(id, member)).to.deep.equal([
        { fromSeq: 1, toSeq: removed.entry?.seq },
        { fromSeq: added.entry?.seq, toSeq: null },
      ]);
      await world.change(id, member, { type: 'leave' });
      await world.change(id, owner, { type: 'add', userIds: [member], history: 'all' });
      expect(await visible(id, member), 'joined windows').to.deep.equal([{ fromSeq: 1, toSeq: null }]);
    });

    it('of a former member show the group as it was at their end', async () => {
      const { id, owner, member } = await people();
      await world.change(id, owner, { type: 'remove', userId: member });
      await world.change(id, owner, { type: 'rename', title: 'Without the member' });
      await world.change(id, owner, { type: 'add', userIds: [newUser('a'), newUser('b')], history: 'none' });
      const seen = { title: 'Lunch', memberCount: 3, role: null };
      const history = createHistory(database.db);
      const request = { userId: member, id };
      const [feed] = await history.feeds([{ userId: member, after: { activityAt: 0, id }, limit: 9 }]);
      const views = [
        await reads().group(member, id),
        (await history.heads([request]))[0]?.group,
        (await history.conversations(member, 9, undefined)).conversations[0]?.group,
        feed?.entries[0]?.conversation.group,
        { ...seen, ...(await createConversationStore(database.db).membershipsOf([request]))[0] },
      ];
      for (const view of views) expect(view).to.deep.include(seen);
      await world.change(id, owner, { type: 'add', userIds: [member], history: 'none' });
      expect(await reads().group(member, id)).to.deep.include({ title: 'Without the member', memberCount: 6 });
    });

    it('of one user are at most as many as the limit, unless the user gets the whole history', async () => {
      const { id, owner, member } = await people();
      const add = (history: 'all' | 'none') => world.change(id, owner, { type: 'add', userIds: [member], history });
      const windows = Array.from({ length: LIMITS.windows - 1 }, (_, i) => -3 * i - 3);
      await sql`
        insert into memberships (conversation_id, user_id, from_seq, to_seq)
        select ${id}::uuid, ${member}, w, w from unnest(${windows}::bigint[]) w`.execute(database.db);
      await world.change(id, owner, { type: 'remove', userId: member });
      await world.send(id, owner, 'hidden');
      expect(await codeOf(add('none'))).to.equal('LIMIT_EXCEEDED');
      await add('all');
      expect(await visible(id, member)).to.have.length(LIMITS.windows);
    });

    it('begin at a time', async () => {
      const { id, owner } = await people();
      const sent = [];
      for (let i = 0; i < 9; i++) sent.push(await world.send(id, owner, `${i}`));
      const guest = newUser('guest');
      const since = sent[5]?.createdAt ?? '';
      const first = sent.find(({ createdAt }) => createdAt >= since);
      await world.change(id, owner, { type: 'add', userIds: [guest], history: { since } });
      expect(await visible(id, guest)).to.deep.equal([{ fromSeq: first?.seq, toSeq: null }]);
      const [early, latest] = [newUser('early'), newUser('latest')];
      await world.change(id, owner, { type: 'add', userIds: [early], history: { since: '0000-01-01T00:00:00Z' } });
      expect(await visible(id, early)).to.deep.equal([{ fromSeq: 1, toSeq: null }]);
      const added = await world.change(id, owner, {
        ...{ type: 'add', userIds: [latest], history: { since: `9999-12-31T23:59:59.${'9'.repeat(200)}Z` } },
      });
      expect(await visible(id, latest)).to.deep.equal([{ fromSeq: added.entry?.seq, toSeq: null }]);
    });
  });

  describe('caps', () => {
    it('of members, of users per change and of groups per user name their setting', async () => {
      const small = new GroupWorld(database.db, { maxGroupMembers: 3, maxUsersPerAdd: 2, maxGroupsPerUser: 1 });
      const [owner, a, b, c, d] = ['owner', 'a', 'b', 'c', 'd'].map(newUser) as [
        UserId,
        UserId,
        UserId,
        UserId,
        UserId,
      ];
      const id = await small.create(owner, [a]);
      const add = (...userIds: UserId[]) => small.change(id, owner, { type: 'add', userIds, history: 'none' });
      expect(await messageOf(add(b, c, d))).to.match(/MAX_USERS_PER_ADD/);
      expect(await messageOf(add(b, c))).to.match(/MAX_GROUP_MEMBERS/);
      expect(await messageOf(small.create(d, [a]))).to.match(/MAX_GROUPS_PER_USER/);
      await add(b);
      expect((await reads().group(owner, id))?.memberCount).to.equal(3);
      await small.change(id, owner, { type: 'remove', userId: a });
      await small.create(d, [a]);
    });

    it('are exact under concurrent additions of one user to many groups', async () => {
      const capped = new GroupWorld(database.db, { maxGroupsPerUser: 3 });
      const popular = newUser('popular');
      const owners = Array.from({ length: 8 }, (_, i) => newUser(`owner${i}`));
      const made = await Promise.allSettled(owners.map((owner) => capped.create(owner, [popular])));
      expect(made.filter(({ status }) => status === 'fulfilled')).to.have.length(3);
    });
  });

  describe('a repetition', () => {
    it('of a batch has the same outcomes and stores nothing more', async () => {
      const [owner, a] = [newUser('owner'), newUser('a')];
      const id = newConversationId();
      const batch = [
        changeEntry(id, owner, { type: 'create', title: 'Lunch', userIds: [a] }),
        sendEntry(id, owner, 'one', { mentions: [a] }),
        changeEntry(id, owner, { type: 'rename', title: 'Dinner' }),
        { kind: 'message_change' as const, conversationId: id, by: a, seq: 2, change: react('👍') },
        { kind: 'group_read' as const, conversationId: id, userId: owner, upToSeq: null },
      ];
      const first = await world.writes.apply(batch);
      const again = await createConversationWrites(database.db, GROUP_RULES).apply(batch);
      const events = (outcomes: typeof first) =>
        outcomes.map((one) =>
          'message' in one ? [one.message] : 'entry' in one ? [one.entry?.seq, one.duplicate] : [],
        );
      const [, sent] = again;
      expect(events(again).toSpliced(1, 1)).to.deep.equal(events(first).toSpliced(1, 1));
      expect(sent).to.deep.include({ duplicate: false });
      expect((await reads().group(owner, id))?.lastSeq).to.equal(3);
      const [counts] = await createUnreadCounts(database.db).recount([a], [id]);
      expect(counts?.unread).to.deep.include({ count: 1, mentionCount: 1 });
    });

    it('of a send or a change by its client gets the first result', async () => {
      const { id, owner } = await people();
      const first = await world.send(id, owner, 'first', { key: 'k' });
      const [again] = await world.writes.apply([sendEntry(id, owner, 'second', { key: 'k' })]);
      expect(again).to.deep.include({ duplicate: true, message: first });
      const renamed = await world.change(id, owner, { type: 'rename', title: 'Dinner' }, 'c-1');
      const repeated = await world.change(id, owner, { type: 'rename', title: 'Brunch' }, 'c-1');
      expect(repeated).to.deep.include({ duplicate: true, entry: renamed.entry });
      expect((await reads().group(owner, id))?.title).to.equal('Dinner');
    });

    it('has its first result also after its user was removed', async () => {
      const { id, owner, member } = await people();
      const sent = sendEntry(id, member, 'one', { key: 'k' });
      const edited = { type: 'edit' as const, changeId: 'c', content: 'one!' };
      const batch = [
        sent,
        { kind: 'message_change' as const, conversationId: id, by: member, seq: 3, change: edited },
        changeEntry(id, owner, { type: 'remove', userId: member }),
      ];
      const first = await world.writes.apply(batch);
      const again = await createConversationWrites(database.db, GROUP_RULES).apply(batch);
      const [, edit] = first;
      const messages = (outcomes: typeof first) =>
        outcomes.map((one) => ('message' in one && 'duplicate' in one ? [one.message.seq, one.duplicate] : one));
      expect(messages(again)[0]).to.deep.equal([3, false]);
      expect(again[1]).to.deep.include({ message: (edit as { message: Message }).message });
      const [resent] = await world.writes.apply([sendEntry(id, member, 'two', { key: 'k' })]);
      expect(resent).to.deep.include({ duplicate: true, message: (edit as { message: Message }).message });
      expect(await codeOf(world.send(id, member))).to.equal('FORBIDDEN');
      expect(await codeOf(world.edit(id, member, 3, 'too late'))).to.equal('FORBIDDEN');
      expect(await codeOf(world.remove(id, member, 3))).to.equal('FORBIDDEN');
      expect(await codeOf(world.react(id, member, 3, '👍'))).to.equal('FORBIDDEN');
    });

    it('gives no effect to an entry that had none before a stored change of the same batch', async () => {
      const { id, owner, admin, member, other } = await people();
      const [guest, title] = [newUser('guest'), 'Lunch'];
      const batch = [
        changeEntry(id, owner, { type: 'add', userIds: [member], history: 'none' }),
        changeEntry(id, owner, { type: 'role', userId: admin, role: 'admin' }),
        changeEntry(id, owner, { type: 'rename', title }),
        changeEntry(id, owner, { type: 'remove', userId: guest }),
        sendEntry(id, guest, 'not yet a member'),
        changeEntry(id, other, { type: 'rename', title: 'by a member' }),
        changeEntry(id, owner, { type: 'add', userIds: [guest], history: 'none' }),
        changeEntry(id, owner, { type: 'remove', userId: member }),
        changeEntry(id, owner, { type: 'role', userId: admin, role: 'member' }),
        changeEntry(id, owner, { type: 'role', userId: other, role: 'admin' }),
        changeEntry(id, owner, { type: 'rename', title: 'Dinner' }),
        sendEntry(id, owner, 'not stored yet', { key: 'k' }),
      ];
      await world.change(id, owner, { type: 'rename', title });
      await world.writes.apply(batch.slice(0, -1));
      const [before, rolesBefore] = [await reads().group(owner, id), await roles(id, owner)];
      expect(rolesBefore).to.deep.equal({ [owner]: 'owner', [admin]: 'member', [other]: 'admin', [guest]: 'member' });
      const again = await createConversationWrites(database.db, GROUP_RULES).apply(batch);
      expect(await roles(id, owner)).to.deep.equal(rolesBefore);
      expect(await reads().group(owner, id)).to.deep.include({ title: 'Dinner', lastSeq: (before?.lastSeq ?? 0) + 1 });
      const refused = again.map((one) => (one instanceof Rejection ? one.payload.code : undefined));
      expect(refused).to.deep.equal([...Array(6).fill('UNAVAILABLE'), ...Array(6).fill(undefined)]);
    });

    it('that overlaps with the first run stores each message once', async () => {
      const { id, owner, admin } = await people();
      const other = createConversationWrites(database.db, GROUP_RULES);
      for (let round = 0; round < 10; round++) {
        const batch = [sendEntry(id, owner, 'x'), sendEntry(id, admin, 'y')];
        await Promise.allSettled([world.writes.apply(batch), other.apply(batch)]);
      }
      const head = await reads().group(owner, id);
      const messages = (await createHistory(database.db).ranges([{ id, fromSeq: 1, toSeq: 99 }]))[0] ?? [];
      expect(messages.map(({ seq }) => seq)).to.deep.equal(Array.from({ length: head?.lastSeq ?? 0 }, (_, i) => i + 1));
      expect(messages.filter(({ system }) => !system)).to.have.length(20);
    });
  });

  it('has a room when it grows beyond 32 members, and keeps it', async () => {
    const owner = newUser('owner');
    const id = await world.create(
      owner,
      Array.from({ length: 31 }, (_, i) => newUser(`m${i}`)),
    );
    const late = newUser('late');
    const added = await world.change(id, owner, { type: 'add', userIds: [late], history: 'none' });
    expect(added.room).to.equal('join');
    expect(added.groups.size).to.equal(33);
    expect('users' in added.to && added.to.users).to.have.length(33);
    const [outcome] = await world.writes.apply([sendEntry(id, owner, 'to the room')]);
    expect(outcome).to.deep.include({ to: { room: id } });
    const renamed = await world.change(id, owner, { type: 'rename', title: 'Dinner' });
    expect([...renamed.groups.keys()], 'one publish, for any number of members').to.deep.equal([owner]);
    const removed = await world.change(id, owner, { type: 'remove', userId: late });
    expect(removed).to.deep.include({ room: 'leave', to: { room: id } });
  });

  it('uses no list of members of a change that a restore of the database has undone', async () => {
    const [owner, member, undone] = [newUser('owner'), newUser('member'), newUser('undone')];
    const id = await world.create(owner, [member]);
    const { entry } = await world.change(id, owner, { type: 'add', userIds: [undone], history: 'none' });
    for (const table of ['members', 'memberships'])
      await sql`delete from ${sql.table(table)} where conversation_id = ${id} and user_id = ${undone}`.execute(
        database.db,
      );
    await sql`delete from messages where conversation_id = ${id} and seq = ${entry?.seq}`.execute(database.db);
    await sql`update conversations set last_seq = 1, members_seq = 1, member_count = 2 where id = ${id}`.execute(
      database.db,
    );
    const removed = await world.change(id, owner, { type: 'remove', userId: member });
    expect(removed.entry?.seq, 'the number is assigned again').to.equal(entry?.seq);
    expect(removed.to).to.deep.equal({ users: [owner, member] });
    expect(await codeOf(world.send(id, undone))).to.equal('CONVERSATION_NOT_FOUND');
    expect(await codeOf(world.send(id, member))).to.equal('FORBIDDEN');
  });

  it('drops mentions of users who are no members', async () => {
    const { id, owner, member } = await people();
    const message = await world.send(id, owner, 'hi', { mentions: [member, newUser('stranger'), member] });
    expect(message.mentions).to.deep.equal([member]);
  });

  function react(emoji: string) {
    return { type: 'react' as const, emoji, on: true };
  }
});

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'fulfilled'> {
  return promise.then(
    () => 'fulfilled' as const,
    (error: unknown) => {
      if (error instanceof Rejection) return error.payload.code;
      throw error;
    },
  );
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'fulfilled',
    (error: Error) => error.message,
  );
}
