import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, repository } from '@chat-cluster/local-cluster';
import {
  askRedis,
  connect,
  eventually,
  freshDatabase,
  newUser,
  openConversation,
  privateServers,
  startTestCluster,
  type TestClient,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

const jwtSecret = 'a secret of the tests, 32 characters';
/** Time limit for processes that start side by side on a busy machine, in ms. */
const WITHIN_MS = 90_000;

describe('clusters that share a Redis', () => {
  const named = (CLUSTER_NAME?: string) =>
    startTestCluster({ gatewayProcesses: 1, jwtSecret, env: { ...(CLUSTER_NAME && { CLUSTER_NAME }) } });

  describe('under two names', () => {
    const clients: TestClient[] = [];
    let clusters: TestCluster[] = [];
    let redisUrl: string;

    before(async () => {
      const { redis } = await privateServers();
      redisUrl = redis.url;
      await askRedis(redisUrl, 'FLUSHALL');
      clusters = await Promise.all([named(), named('staging')]);
    });
    after(async () => {
      for (const client of clients) client.close();
      await Promise.all(clusters.map((cluster) => cluster.stop()));
    });

    it('share no event, no lane and no presence of the same users', async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const [here, there] = clusters as [TestCluster, TestCluster];
      const conversations = await Promise.all(clusters.map((cluster) => openConversation(cluster, a, b)));
      const sender = await connect(here, a);
      const receivers = await Promise.all(clusters.map((cluster) => connect(cluster, b)));
      const senderThere = await connect(there, a);
      clients.push(sender, senderThere, ...receivers);
      const [receiver, receiverThere] = receivers as [TestClient, TestClient];
      const watch = async (client: TestClient) =>
        client.socket.timeout(10_000).emitWithAck('watch_presence', { userIds: [b] } as never) as unknown;
      for (const client of [sender, senderThere]) {
        await eventually(async () =>
          expect(await watch(client)).to.deep.include({ ok: true, presence: [{ userId: b, online: true }] }),
        );
      }

      const send = { conversationId: conversations[0], content: 'only here' } as never;
      expect(await sender.send(send)).to.have.property('ok', true);
      await eventually(() => expect(receiver.messages.map(({ content }) => content)).to.deep.equal(['only here']));
      receiver.close();
      await eventually(() => expect(sender.presence.at(-1)).to.include({ userId: b, online: false }), 40_000);
      // The message of the other cluster is the last one on the way, so that others would have arrived.
      const sendThere = { conversationId: conversations[1], content: 'only there' } as never;
      expect(await senderThere.send(sendThere)).to.have.property('ok', true);
      await eventually(() => expect(receiverThere.messages).to.have.lengthOf(1));
      expect(receiverThere.messages[0]).to.have.property('content', 'only there');
      expect(senderThere.presence).to.deep.equal([]);
    });

    it('use names of their own for every key and channel', async () => {
      const [keys, channels, shardChannels] = (await Promise.all([
        askRedis(redisUrl, 'KEYS', '*'),
        askRedis(redisUrl, 'PUBSUB', 'CHANNELS'),
        askRedis(redisUrl, 'PUBSUB', 'SHARDCHANNELS'),
      ])) as [string[], string[], string[]];
      const all = [...keys, ...channels, ...shardChannels];
      const counterparts = all.filter((name) => name.startsWith('staging:'));
      expect(all.filter((name) => !/^(chat:|staging:|socket\.io)/.test(name))).to.deep.equal([]);
      for (const part of [
        'database',
        'lanes',
        'workers',
        'gateways',
        'pulse',
        'inbox-0:meta',
        'reply',
        'socket.io',
        'gap',
      ]) {
        expect(
          counterparts.some((name) => name.startsWith(`staging:${part}`)),
          part,
        ).to.equal(true);
      }
    });
  });

  describe('under one name', () => {
    const processes: ChildProcess[] = [];
    const drop: (() => Promise<void>)[] = [];
    after(async () => {
      for (const one of processes) one.kill('SIGKILL');
      for (const step of drop) await step();
    });

    it('collide: processes of the second are not ready and name CLUSTER_NAME, until the first is gone', async () => {
      const { redis } = await privateServers();
      const database = await freshDatabase();
      const first = await named();
      drop.push(() => first.stop(), database.drop);
      const start = async (kind: 'gateway' | 'worker') => {
        const adminPort = await freePort();
        const env = {
          ...{ ...process.env, PORT: '0', ADMIN_PORT: String(adminPort), DATABASE_URL: database.url },
          ...{ REDIS_URL: redis.url, JWT_SECRET: jwtSecret, LOG_LEVEL: 'error', LOG_FORMAT: 'json' },
        };
        const child = spawn(process.execPath, [join(repository, 'services', kind, 'src/main.ts')], { env });
        processes.push(child);
        let log = '';
        child.stdout.on('data', (chunk) => {
          log += chunk;
        });
        const probe = async (path: string) => {
          const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
          return { ...((await response.json()) as { reason?: string }), status: response.status };
        };
        return { probe, log: () => log, child };
      };
      const second = await Promise.all([start('gateway'), start('worker')]);
      for (const { probe, log } of second) {
        const isRefused = async () => expect(await probe('/readyz')).to.include({ status: 503, reason: 'cluster' });
        await eventually(isRefused, WITHIN_MS);
        expect((await probe('/healthz')).status).to.equal(200);
        const lines = log().trim().split('\n');
        expect(lines).to.have.lengthOf(1);
        expect(lines[0]).to.match(/CLUSTER_NAME: another cluster uses this Redis under the name .*chat:database/);
      }
      const [gateway, worker] = second as [(typeof second)[0], (typeof second)[0]];
      const ended = once(worker.child, 'exit');
      worker.child.kill('SIGTERM');
      expect(await ended, 'a stop while it waits').to.deep.equal([0, null]);

      await drop.shift()?.();
      expect(await askRedis(redis.url, 'DEL', 'chat:database')).to.equal(1);
      await eventually(async () => expect((await gateway.probe('/readyz')).status).to.equal(200), WITHIN_MS);
    });
  });
});
