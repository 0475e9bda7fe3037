import type { SendAck } from '@chat-cluster/contracts';
import { type Database, openDatabase } from '@chat-cluster/postgres';
import {
  connect,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestClient,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

/** The design value is 5 s, which `npm run verify -- F2` measures. With BullMQ's own timers it would be up to 60 s. */
const WITHIN_MS = 20_000;

describe('a lane whose worker died or is paused', () => {
  it('is soon served by another worker, and stores each message once', async () => {
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
          const ack = sendUntilAnswered(alice, { conversationId, content: signal, clientMessageId: signal });
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

/** Sends the same message again after a retryable error, like an app. */
async function sendUntilAnswered(client: TestClient, draft: object): Promise<SendAck> {
  return eventually(async () => {
    const ack = await client.send(draft);
    if (!ack.ok) throw new Error(ack.error.code);
    return ack;
  }, WITHIN_MS);
}

/** The worker whose statement waits for the lock. */
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
  throw new Error('no message was received');
}
