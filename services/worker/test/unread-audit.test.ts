import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { type DirtyBadge, newConversationId, newMessageId } from '@chat-cluster/domain';
import {
  createConversationStore,
  createConversationWrites,
  createMemberAudit,
  createMessageStore,
  createUnreadAudit,
} from '@chat-cluster/postgres';
import { connectRedis, disconnectRedis, type RedisClient } from '@chat-cluster/redis';
import { createLogger, type Logger } from '@chat-cluster/runtime';
import { freshDatabase, GROUP_RULES, newUser, privateServers } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { register } from 'prom-client';
import { auditUnread } from '../src/recounts/audit-unread.ts';

/** No other test uses this one of the 16 databases of the Redis. */
const DATABASE = 14;

describe('the unread audit of a worker', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let redis: RedisClient;
  let lines: { fields: Record<string, unknown>; text: string }[];
  let requested: DirtyBadge[];

  before(async () => {
    database = await freshDatabase();
    const silent = createLogger({ name: 'test', level: 'silent', format: 'json' });
    redis = await connectRedis(`${(await privateServers()).redis.url}/${DATABASE}`, 'consume', silent);
  });
  beforeEach(async () => {
    await redis.flushDb();
    lines = [];
    requested = [];
  });
  after(async () => {
    await disconnectRedis(redis);
    await database.drop();
  });

  const logger = { warn: (fields: never, text: string) => lines.push({ fields, text }) } as unknown as Logger;
  const runSlice = (audit = createUnreadAudit(database.db)) =>
    auditUnread({
      audit,
      members: createMemberAudit(database.db),
      recounts: { request: async (badges) => void requested.push(...badges) },
      redis,
      logger,
    });

  async function metric(name: string, kind?: string): Promise<number> {
    const { values } = (await register.getSingleMetric(name)?.get()) ?? { values: [] };
    return values.find(({ labels }) => kind === undefined || (labels as { kind?: string }).kind === kind)?.value ?? 0;
  }

  /** Runs slices until the audit has passed all counters once more. */
  async function runPass(): Promise<void> {
    const before = await metric('chat_unread_audit_passes_total');
    do await runSlice();
    while ((await metric('chat_unread_audit_passes_total')) === before);
  }

  async function direct(): Promise<{ id: ConversationId; user: UserId }> {
    const [a, user] = [newUser('a'), newUser('b')] as [UserId, UserId];
    const { id } = (await createConversationStore(database.db).open(newConversationId(), a, user)).conversation;
    const key = newMessageId();
    const send = { kind: 'send', id: key, conversationId: id, senderId: a, receiverId: user, clientMessageId: key };
    await createMessageStore(database.db).storeSends([{ ...send, content: 'hi', attachments: [] } as never]);
    return { id, user };
  }

  async function group(): Promise<{ id: ConversationId; user: UserId }> {
    const [owner, user] = [newUser('owner'), newUser('member')] as [UserId, UserId];
    const id = newConversationId();
    const key = newMessageId();
    const create = { type: 'create', title: 'Lunch', userIds: [user] };
    await createConversationWrites(database.db, GROUP_RULES).apply([
      { kind: 'group_change', id: newMessageId(), conversationId: id, by: owner, changeId: 'c', change: create },
      {
        kind: 'group_send',
        id: key,
        conversationId: id,
        senderId: owner,
        clientMessageId: key,
        content: 'hi',
        attachments: [],
      },
    ] as never);
    return { id, user };
  }

  it('corrects a wrong counter and wrong counts of a member, counts both, logs them and requests their badges', async () => {
    const [one, other] = [await direct(), await group()];
    await runPass();
    expect([requested, lines]).to.deep.equal([[], []]);
    const before = [
      await metric('chat_unread_drift_total', 'direct'),
      await metric('chat_unread_drift_total', 'group'),
    ];
    await sql`update participants set unread_count = 7 where conversation_id = ${one.id} and user_id = ${one.user}`.execute(
      database.db,
    );
    await sql`update members set own_after = 3, mention_count = 2
      where conversation_id = ${other.id} and user_id = ${other.user}`.execute(database.db);
    await runPass();
    expect(requested).to.have.deep.members([
      { userId: one.user, conversationId: one.id },
      { userId: other.user, conversationId: other.id },
    ]);
    expect(lines).to.deep.equal([
      {
        fields: { healed: [{ userId: one.user, conversationId: one.id, was: 7, is: 1 }], left: 0 },
        text: 'audit: unread counters had drifted',
      },
      {
        fields: {
          healed: [
            {
              userId: other.user,
              conversationId: other.id,
              was: { readCounted: 0, ownAfter: 3, mentions: 2 },
              is: { readCounted: 0, ownAfter: 0, mentions: 0 },
            },
          ],
          left: 0,
        },
        text: 'audit: counts of members of groups had drifted',
      },
    ]);
    const after = [await metric('chat_unread_drift_total', 'direct'), await metric('chat_unread_drift_total', 'group')];
    expect(after).to.deep.equal(before.map((count) => count + 1));
    requested = [];
    await runPass();
    expect([requested, lines.length]).to.deep.equal([[], 2]);
  });

  it('requests the badges again after a worker that died between a correction and its requests', async () => {
    const { id, user } = await group();
    const toRecount = [{ userId: user, conversationId: id }];
    await redis.set('chat:audit:state', JSON.stringify({ inGroups: true, toRecount }));
    await runSlice();
    expect(requested).to.deep.equal(toRecount);
  });

  it('does nothing while another worker has the turn', async () => {
    await redis.set('chat:audit:turn', 'another worker');
    await runSlice();
    expect(await redis.get('chat:audit:state')).to.equal(null);
    await redis.del('chat:audit:turn');
    await runSlice();
    expect(await redis.exists('chat:audit:state')).to.equal(1);
  });

  it('takes at most 5 % of the time: a pause follows each slice, and also one that failed', async () => {
    const audit = createUnreadAudit(database.db);
    const after: typeof audit.after = async (...args) => {
      await delay(20);
      return audit.after(...args);
    };
    const failing = () => delay(20).then(() => Promise.reject(new Error('Postgres is away')));
    for (const slow of [after, failing]) {
      await redis.flushDb();
      const began = performance.now();
      await runSlice({ ...audit, after: slow }).catch(() => undefined);
      const took = performance.now() - began;
      const pause = await redis.pTTL('chat:audit:turn');
      const since = performance.now() - began - took;
      expect(pause).to.be.within(19 * 19 - since - 2, 19 * took + 2);
    }
  });
});
