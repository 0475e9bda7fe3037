import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ClientMessageId, ConversationId, SendEntry, UserId } from '@chat-cluster/contracts';
import { deadLetterOf, newMessageId } from '@chat-cluster/domain';
import { createDeadLetters, type Database, openDatabase } from '@chat-cluster/postgres';
import { appendToLane, inboxLane, laneNumberOf } from '@chat-cluster/queue';
import { connectRedis, disconnectRedis, type RedisClient } from '@chat-cluster/redis';
import { createLogger } from '@chat-cluster/runtime';
import {
  api,
  connect,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

const bootstrap = join(import.meta.dirname, '../../../infra/local/bootstrap.mjs');

describe('the commands of operators', () => {
  let cluster: TestCluster;
  let db: Database;
  let redis: RedisClient;

  before(async () => {
    cluster = await startTestCluster({ gatewayProcesses: 1, lanes: 2, env: { AUDIT_INTERVAL_MS: '40' } });
    db = openDatabase({ url: cluster.databaseUrl, poolSize: 2, applicationName: 'test', onError: () => {} });
    redis = await connectRedis(
      cluster.redisUrl,
      'consume',
      createLogger({ name: 'test', level: 'silent', format: 'json' }),
    );
  });
  after(async () => {
    await disconnectRedis(redis);
    await db.destroy();
    await cluster.stop();
  });

  /** Runs a command as an operator does: only the data folder is set. */
  async function run(command: string, ...args: string[]) {
    const { DATABASE_URL: _, REDIS_URL: __, LANES: ___, ...env } = process.env;
    const child = spawn(process.execPath, [bootstrap, command, ...args], {
      env: { ...env, DATA_DIR: cluster.dataDir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { stdout, stderr, code: child.exitCode };
  }

  async function pair() {
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await openConversation(cluster, a, b);
    const entry = (content: string): SendEntry => {
      const key = newMessageId();
      const ids = { id: key, clientMessageId: key as string as ClientMessageId, conversationId: id as ConversationId };
      return { kind: 'send', ...ids, senderId: a as UserId, receiverId: b as UserId, content, attachments: [] };
    };
    return { a, b, id, entry };
  }

  it('list given-up batches without their text, show, replay and drop them', async () => {
    const { a, id, entry } = await pair();
    const letters = createDeadLetters(db);
    const [lost, poison] = [entry('a secret'), entry('a secret \u0000')];
    const append = (batch: object) =>
      appendToLane(redis, inboxLane(laneNumberOf(lost.conversationId, 2)), JSON.stringify(batch));
    await append({ v: 7, batchId: 'b', replyTo: 'no gateway', acceptedAt: 0, entries: [lost] });
    await append({ v: 1, batchId: 'c', replyTo: 'no gateway', acceptedAt: 0, entries: [poison] });
    await eventually(async () => expect(await letters.count(9)).to.equal(2));
    await letters.keep([deadLetterOf('nonsense', { source: 'lane', reason: 'made up' })]);

    const listed = await run('dead-letters', 'list');
    expect(listed.code).to.equal(0);
    expect(listed.stdout.trim().split('\n')).to.have.length(3);
    for (const word of [lost.id, id, a, 'unknown version of a batch', '22021']) expect(listed.stdout).to.include(word);
    expect(listed.stdout).to.not.include('secret');
    const shown = await run('dead-letters', 'show', lost.id, '--json');
    expect(JSON.parse(shown.stdout)[0].entry).to.deep.equal(lost);

    const replayed = await run('dead-letters', 'replay', '--all', '--json');
    expect(replayed.code).to.equal(1);
    expect(JSON.parse(replayed.stdout)).to.include({ replayed: 1, left: 2 });
    const stored = db.selectFrom('messages').select('content').where('conversation_id', '=', lost.conversationId);
    expect(await stored.execute()).to.deep.equal([{ content: 'a secret' }]);
    expect((await letters.find([poison.id]))[0]).to.include({ attempts: 2, source: 'store' });

    // Already stored: the letter is only deleted.
    await letters.keep([deadLetterOf(lost, { source: 'store', reason: 'again' })]);
    expect(await run('dead-letters', 'replay', lost.id)).to.include({ code: 0 });
    expect(await stored.execute()).to.have.length(1);
    expect(await run('dead-letters', 'drop', '--all')).to.include({ code: 0, stdout: '2 dropped\n' });
    expect(await letters.count(9)).to.equal(0);
  });

  it('do nothing, and exit with 2, when the word is missing that changes something', async () => {
    const { stdout, code } = await run('renew-epoch');
    expect(stdout).to.match(/^renew-epoch now: /);
    expect(code).to.equal(2);
    expect((await run('renew-epoch', '--help')).code).to.equal(0);
  });

  it('are not needed for a wrong badge: the counter is corrected and the device notified', async () => {
    const { a, b, id } = await pair();
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    try {
      for (const content of ['1', '2']) await alice.send({ conversationId: id, content });
      await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(2));
      await sql`update participants set unread_count = 41 where conversation_id = ${id} and user_id = ${b}`.execute(db);
      const before = bob.badges.length;
      await eventually(() => {
        expect(bob.badges.length).to.be.above(before);
        expect(bob.badges.at(-1)).to.deep.include({ count: 2, conversations: [{ conversationId: id, count: 2 }] });
      });
    } finally {
      alice.close();
      bob.close();
    }
  });

  it('audit the counters of all users or of some, and correct them', async () => {
    const { a, b, id } = await pair();
    const bob = await connect(cluster, b);
    try {
      // The test has the turn, so no worker heals the drift.
      await redis.set('chat:audit:turn', 'test', { expiration: { type: 'EX', value: 60 } });
      await eventually(async () => expect(await redis.get('chat:audit:turn')).to.equal('test'));
      await sql`update participants set unread_count = 3 where conversation_id = ${id} and user_id = ${b}`.execute(db);
      expect(await run('unread', 'audit', '--user', a)).to.include({
        code: 0,
        stdout: '1 counters checked, 0 wrong, 0 fixed\n',
      });
      const found = await run('unread', 'audit');
      expect(found.code).to.equal(1);
      expect(found.stdout).to.include(`✖ ${b}  ${id}  counter 3, truth 0`);
      const fixed = await run('unread', 'audit', '--fix', '--json', '--user', b);
      expect(fixed.code).to.equal(0);
      const drift = { userId: b, conversationId: id, counter: 3, truth: 0, fixed: true };
      expect(JSON.parse(fixed.stdout)).to.deep.equal({ checked: 1, drifted: 1, fixed: 1, drifts: [drift] });
      await eventually(() =>
        expect(bob.badges.at(-1)).to.deep.equal({ count: 0, conversations: [{ conversationId: id, count: 0 }] }),
      );
    } finally {
      await redis.del('chat:audit:turn');
      bob.close();
    }
  });

  it('audit the counts of members of groups too, and correct them', async () => {
    const { a, b } = await pair();
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    try {
      const created = await api<{ id: string }>(cluster, a, 'POST', '/api/groups', { title: 'Lunch', userIds: [b] });
      const { id } = created.body;
      expect(await alice.send({ conversationId: id, content: 'hi' })).to.include({ ok: true });
      await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(1));
      await redis.set('chat:audit:turn', 'test', { expiration: { type: 'EX', value: 60 } });
      await eventually(async () => expect(await redis.get('chat:audit:turn')).to.equal('test'));
      await sql`update members set own_after = 1 where conversation_id = ${id} and user_id = ${b}`.execute(db);

      const found = await run('unread', 'audit', '--user', b);
      expect(found).to.include({ code: 1 });
      expect(found.stdout.split('\n')).to.deep.equal([
        `✖ ${b}  ${id}  counter 0 read, 1 own, 0 mentions, truth 0 read, 0 own, 0 mentions`,
        '2 counters checked, 1 wrong, 0 fixed',
        '',
      ]);
      const fixed = await run('unread', 'audit', '--fix', '--json');
      expect(fixed.code).to.equal(0);
      const counter = { readCounted: 0, ownAfter: 1, mentions: 0 };
      const truth = { ...counter, ownAfter: 0 };
      expect(JSON.parse(fixed.stdout)).to.deep.include({
        drifted: 1,
        fixed: 1,
        drifts: [{ userId: b, conversationId: id, counter, truth, fixed: true }],
      });
      await eventually(() =>
        expect(bob.badges.at(-1)?.conversations).to.deep.include({ conversationId: id, count: 1 }),
      );
    } finally {
      await redis.del('chat:audit:turn');
      alice.close();
      bob.close();
    }
  });
});
