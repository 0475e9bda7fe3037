import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UserId } from '@chat-cluster/contracts';
import { repository, type ServiceProcess, startChatService } from '@chat-cluster/local-cluster';
import {
  eventually,
  type FaultCluster,
  newUser,
  readMetrics,
  startFaultCluster,
  startTestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import pg from 'pg';
import { openProbedConversation } from '../src/probed-conversation.ts';

/** A tenth of the interval in production, in ms. */
const INTERVAL_MS = 100;
/** Shorter than the time in which a gateway starts again, in ms. */
const LOST_AFTER_MS = 400;

describe('the prober', () => {
  let cluster: FaultCluster;
  let prober: ServiceProcess;
  const exits: string[] = [];

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 1 });
    prober = await startChatService({
      kind: 'prober',
      name: 'prober',
      env: {
        LOG_LEVEL: 'info',
        PROBE_ENTRY: cluster.url,
        PROBE_INTERVAL_MS: String(INTERVAL_MS),
        PROBE_LOST_AFTER_MS: String(LOST_AFTER_MS),
        JWT_SECRET: cluster.jwtSecret,
      },
      logFile: join(cluster.logsDir, 'prober.log'),
      log: (line) => exits.push(line),
    });
  });
  after(async () => {
    await prober?.stop(2_000);
    await cluster?.[Symbol.asyncDispose]();
  });

  const admin = () => `http://127.0.0.1:${prober.ready().adminPort}`;
  /** The sum of a metric over all labels. */
  const metric = async (name: string) => (await readMetrics([admin()])).get(name) ?? 0;
  const delivered = () => metric('chat_probe_delivery_seconds_count');

  async function recovered(): Promise<void> {
    await eventually(async () => {
      const { checks } = (await (await fetch(`${admin()}/readyz`)).json()) as { checks: { probe: string } };
      expect(checks.probe).to.equal('2 of 2 connected, on 2 gateways');
    }, 25_000);
    expect([await metric('chat_probe_connected'), await metric('chat_probe_gateways')]).to.deep.equal([2, 2]);
    // Messages that were due before may still be counted as lost.
    await eventually(async () => {
      const before = { delivered: await delivered(), lost: await metric('chat_probe_lost_total') };
      await eventually(async () => expect(await delivered()).to.be.at.least(before.delivered + 10));
      expect(await metric('chat_probe_lost_total')).to.equal(before.lost);
    });
  }

  it('makes its two users send messages across gateways, and measures each message', async () => {
    await recovered();
    expect(await metric('chat_probe_delivery_seconds_sum')).to.be.above(0);
    const underWay = (LOST_AFTER_MS / INTERVAL_MS + 2) * 2;
    const [sent, arrived] = [await metric('chat_probe_sent_total'), await delivered()];
    expect(sent - arrived - (await metric('chat_probe_lost_total'))).to.be.within(-underWay, underWay);
  });

  it('counts lost messages when all gateways are killed, then shows the recovery', async () => {
    const lost = await metric('chat_probe_lost_total');
    for (const gateway of cluster.gateways) gateway.kill();
    await eventually(async () => expect(await metric('chat_probe_lost_total')).to.be.above(lost));
    await recovered();
  });

  it('stores messages that the statements in the README delete, and ends in order', async () => {
    await prober.stop(2_000);
    expect(exits).to.deep.equal([]);
    const stored = () => sql<{ n: number }>`select count(*)::int as n from messages`.execute(cluster.db);
    expect((await stored()).rows[0]?.n).to.be.above(20);
    await sql`update direct_conversations set
      user_low = regexp_replace(user_low, '[0-9]{4}', '2001'),
      user_high = regexp_replace(user_high, '[0-9]{4}', '2001')`.execute(cluster.db);
    const readme = readFileSync(join(repository, 'infra/README.md'), 'utf8');
    const [, statements = ''] = /```sql\n(begin;\n[\s\S]*?)```/.exec(readme) ?? [];
    const client = new pg.Client({ connectionString: cluster.postgres.url });
    await client.connect();
    await client.query(statements).finally(() => client.end());
    for (const table of ['messages', 'participants', 'direct_conversations', 'conversations']) {
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from ${sql.table(table)}`.execute(cluster.db);
      expect(rows, table).to.deep.equal([{ n: 0 }]);
    }
  });
});

describe('the prober on a slow chat', () => {
  it('sends each message when it is due, while acks are missing and messages are refused', async () => {
    // Half of the messages are refused, and sent again later.
    const env = { RATE_LIMIT_PER_SECOND: '5', RATE_LIMIT_BURST: '10' };
    await using cluster = await startFaultCluster({ gateways: 2, workers: 1, env });
    const prober = await startChatService({
      kind: 'prober',
      name: 'prober',
      env: {
        PROBE_ENTRY: cluster.url,
        PROBE_INTERVAL_MS: String(INTERVAL_MS),
        PROBE_LOST_AFTER_MS: '60000',
        JWT_SECRET: cluster.jwtSecret,
      },
      logFile: join(cluster.logsDir, 'prober.log'),
      log: () => {},
    });
    // Answered events: while no worker runs, those that are refused.
    const answered = async () => {
      const counts = await Promise.all(cluster.gateways.map((gateway) => gateway.metric('chat_events_total')));
      return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    };
    try {
      await eventually(async () => expect(await answered()).to.be.above(50), 30_000);
      cluster.workers[0]?.pause();
      const before = await answered();
      // More than were under way when the worker stopped.
      await eventually(async () => expect(await answered()).to.be.above(before + 60), 20_000);
      cluster.workers[0]?.resume();
    } finally {
      await prober.stop(2_000);
    }
  });
});

describe('the prober with OPEN_CONVERSATIONS=server', () => {
  it('opens its conversation on the admin port, and finds it from then on', async () => {
    const env = { ADMIN_TOKEN: 'token-of-the-administrators', OPEN_CONVERSATIONS: 'server' };
    await using cluster = await startTestCluster({ gatewayProcesses: 1, env });
    const pair = [newUser('a'), newUser('b')] as [UserId, UserId];
    const port = cluster.processes.find(({ name }) => name === 'gateway')?.adminPort;
    const admin = { url: `http://127.0.0.1:${port}`, token: env.ADMIN_TOKEN };
    const open = (where?: typeof admin) =>
      openProbedConversation(cluster.url, tokenFor(cluster, pair[0]), pair, where).then(
        (id) => id as string,
        (error: Error) => error.message,
      );
    expect(await open()).to.equal('/api/conversations responded 403');
    const id = await open(admin);
    expect(id).to.match(/^[0-9a-f-]{36}$/);
    expect([await open(admin), await open()]).to.deep.equal([id, id]);
  });
});
