import type { SendAck } from '@chat-cluster/contracts';
import { type Database, openDatabase } from '@chat-cluster/postgres';
import { connect, eventually, newUser, openConversation, startTestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

const WITHIN_MS = 7_000;

describe('a lane whose worker is gone', () => {
  it('is served by another one within 7 s, killed or paused, and stores each message once', async function () {
    this.timeout(60_000);
    await using cluster = await startTestCluster({ gatewayProcesses: 1, workers: 2, lanes: 1 });
    await using db = openDatabase({
      url: cluster.databaseUrl,
      poolSize: 3,
      applicationName: 'test',
      onError: () => {},
    });
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    const paused: number[] = [];
    try {
      for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
        const { ack, at } = await whileTablesAreLocked(db, async () => {
          const ack = alice.send({ conversationId, content: signal }) as Promise<SendAck>;
          const holder = await eventually(() => waitingWorker(db));
          const pid = cluster.processes.find(({ name }) => name === holder)?.pid ?? 0;
          process.kill(pid, signal);
          if (signal === 'SIGSTOP') paused.push(pid);
          return { ack, at: performance.now() };
        });
        expect(await ack, signal).to.have.property('ok', true);
        expect(performance.now() - at, signal).to.be.below(WITHIN_MS);
      }
      for (const pid of paused.splice(0)) process.kill(pid, 'SIGCONT');
      for (let i = 0; i < 5; i++)
        expect(await alice.send({ conversationId, content: 'after' })).to.include({ ok: true });
      await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(7));
      const rows = await db
        .selectFrom('messages')
        .select(['seq', 'content'])
        .where('seq', '<=', 3)
        .where('conversation_id', '=', alice.messages[0]?.conversationId ?? never())
        .orderBy('seq')
        .execute();
      expect(rows.map(({ content }) => content)).to.deep.equal(['SIGKILL', 'SIGSTOP', 'after']);
      expect(await db.selectFrom('dead_letters').selectAll().execute()).to.deep.equal([]);
    } finally {
      for (const pid of paused) process.kill(pid, 'SIGCONT');
      alice.close();
      bob.close();
    }
  });
});

/** The worker whose job hangs in Postgres. */
async function waitingWorker(db: Database): Promise<string> {
  const { rows } = await sql<{ name: string }>`
    select application_name as name from pg_stat_activity where wait_event_type = 'Lock' limit 1`.execute(db);
  if (!rows[0]) throw new Error('no worker waits for the lock');
  return rows[0].name;
}

async function whileTablesAreLocked<T>(db: Database, work: () => Promise<T>): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`lock table messages in share mode`.execute(tx);
    return work();
  });
}

function never(): never {
  throw new Error('no message was heard');
}
