import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterOverview, MessageChanged, UnreadCount, UserView } from '@chat-cluster/contracts';
import { type LocalRedis, startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import {
  askRedis,
  connect,
  controlledSentinel,
  eventually,
  freshDatabase,
  newUser,
  privateServers,
  startPgBouncer,
  startRedisCluster,
  startTestCluster,
  type TestCluster,
} from '@chat-cluster/testkit';
import { CLIENT_KINDS, describeProtocol } from '@chat-cluster/testkit/protocol-suite';
import { expect } from 'chai';
import { change, codeOf, createGroup, devicesOf, okOf, send } from './group-devices.ts';

/** Members beyond which a group has a room of its own, and one more. */
const LARGE = 33;

/** Starts the servers of a topology, which the stack stops, and returns its settings. */
type Arrange = (stack: AsyncDisposableStack) => Promise<NodeJS.ProcessEnv>;

/**
 * Runs the protocol suite on a cluster of two gateways and two workers with these settings, then the tests in `more`.
 */
function topology(name: string, arrange: Arrange, more?: () => void): void {
  describe(`the protocol on ${name}`, () => {
    let stack: AsyncDisposableStack;
    let cluster: TestCluster;

    before(async () => {
      stack = new AsyncDisposableStack();
      const env = await arrange(stack);
      cluster = await startTestCluster({ env, workers: 2 });
    });
    after(async () => {
      await cluster?.stop();
      await stack.disposeAsync();
    });

    describeProtocol(() => cluster, { clients: CLIENT_KINDS.websocket });
    // Nested suites, since mocha runs tests before nested suites.
    describe('its cluster view', () => {
      it('shows each server as up, and finds the connection of a user', async () => {
        const user = newUser('alice');
        const client = await connect(cluster, user, { transports: ['websocket'] });
        try {
          const { redis, postgres, gateways, workers } = await view<ClusterOverview>('overview');
          for (const { role, server, up } of redis) {
            expect(up, role).to.equal(true);
            expect(server).to.match(/:\d+/);
          }
          expect(postgres.up).to.equal(true);
          expect([gateways.length, workers.length]).to.deep.equal([2, 2]);
          const { connections, ...rest } = await view<UserView>(`users?id=${encodeURIComponent(user)}`);
          expect(connections.map(({ connectionId }) => connectionId)).to.deep.equal([client.session.connectionId]);
          expect(rest).not.to.have.property('connectionsUnknown');
        } finally {
          client.close();
        }
      });

      async function view<T>(path: string): Promise<T> {
        const worker = cluster.processes.find(({ name }) => name === 'worker-1');
        return (await fetch(`http://127.0.0.1:${worker?.adminPort}/cluster/api/${path}`)).json() as Promise<T>;
      }
    });
    describe('its groups', () => {
      const devices = devicesOf(() => cluster);
      after(() => devices.closeAll());

      for (const members of [3, LARGE]) {
        it(`of ${members} members deliver messages, edits and changes of members on both gateways`, async () => {
          const owner = await devices.connect(newUser('owner'));
          const first = await devices.connect(newUser('member'));
          const both = [first, await devices.connectElsewhere(first.userId, first.gatewayId)];
          const others = Array.from({ length: members - 2 }, () => newUser('other'));
          const { id } = await createGroup(owner, [first.userId, ...others]);
          if (members === LARGE) {
            for (const device of both) await eventually(() => expect(device.of('sync_required')).to.not.have.length(0));
          }
          const { seq } = await send(owner, id, 'one');
          okOf(await owner.call('edit_message', { conversationId: id, seq, content: 'two', changeId: 'edit' }));
          await change(owner, id, { type: 'rename', title: 'Dinner' });
          for (const device of both) {
            await eventually(() => expect(device.seqs(id).slice(-2)).to.deep.equal([seq, seq + 1]));
            await eventually(() =>
              expect(device.of<MessageChanged>('message_changed')[0]).to.deep.include({ edited: { content: 'two' } }),
            );
            await eventually(() => expect(device.of<UnreadCount>('unread_count').at(-1)?.count).to.equal(1));
          }
          await change(owner, id, { type: 'remove', userId: first.userId });
          await send(owner, id, 'not for the member');
          for (const device of both) {
            await eventually(() => expect(device.of<UnreadCount>('unread_count').at(-1)?.count).to.equal(0));
            expect(device.seqs(id).at(-1)).to.be.at.most(seq + 2);
          }
          expect(codeOf(await first.call('send_message', { conversationId: id, content: 'x' }))).to.equal('FORBIDDEN');
        });
      }
    });
    if (more) describe('its parts', more);
  });
}

/** Private servers, each with its own folder. */
async function redisServers(stack: AsyncDisposableStack, count: number): Promise<LocalRedis[]> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-topology-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const server = await startRedis({ dataDir: join(folder, String(i)), toolsDir: toolsFolder, log: () => {} });
      stack.defer(() => server.stop());
      return server;
    }),
  );
}

/** How often a server executed a command. */
async function calls({ url }: { url: string }, command: string): Promise<number> {
  const stats = String(await askRedis(url, 'INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

async function keys({ url }: { url: string }): Promise<number> {
  return Number(await askRedis(url, 'DBSIZE'));
}

describe('topologies', () => {
  let servers: LocalRedis[];

  topology(
    'separate Redis servers for pub/sub, queue and cache',
    async (stack) => {
      servers = await redisServers(stack, 3);
      const [pubsub, queue, cache] = servers as [LocalRedis, LocalRedis, LocalRedis];
      return {
        REDIS_URL: 'redis://127.0.0.1:1',
        REDIS_PUBSUB_URL: pubsub.url,
        REDIS_QUEUE_URLS: queue.url,
        REDIS_CACHE_URL: cache.url,
      };
    },
    () => {
      it('each serve only their own role', async () => {
        const [pubsub, queue, cache] = servers as [LocalRedis, LocalRedis, LocalRedis];
        const published = await Promise.all(servers.map((server) => calls(server, 'spublish')));
        expect(published.map((count) => count > 0)).to.deep.equal([true, false, false]);
        const blocked = await Promise.all(servers.map((server) => calls(server, 'bzpopmin')));
        expect(blocked.map((count) => count > 0)).to.deep.equal([false, true, false]);
        const cached = await Promise.all(servers.map(({ url }) => askRedis(url, 'KEYS', 'chat:recent:*')));
        expect(cached.map((found) => Array.isArray(found) && found.length > 0)).to.deep.equal([false, false, true]);
        expect(await keys(pubsub)).to.equal(0);
        expect(await keys(queue)).to.be.greaterThan(0);
        expect(await keys(cache)).to.be.greaterThan(0);
      });
    },
  );

  topology('pub/sub on a Redis Cluster of three primaries, with a cluster name', async (stack) => {
    const cluster = stack.use(await startRedisCluster());
    return { REDIS_PUBSUB_URL: cluster.url, CLUSTER_NAME: 'eu-1' };
  });

  topology(
    'lanes over three queue servers',
    async (stack) => {
      servers = await redisServers(stack, 3);
      return { REDIS_QUEUE_URLS: servers.map(({ url }) => url).join(', ') };
    },
    () => {
      it('all have lanes', async () => {
        for (const server of servers) expect(await calls(server, 'bzpopmin')).to.be.greaterThan(0);
        const found = await Promise.all(servers.map(({ url }) => askRedis(url, 'KEYS', 'chat:inbox-?:meta')));
        // Four lanes, assigned in turn.
        expect(found.map((keys) => Array.isArray(keys) && keys.length)).to.deep.equal([2, 1, 1]);
      });
    },
  );

  topology('Redis behind Sentinel', async (stack) => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-topology-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const group = await controlledSentinel(folder, () => {});
    stack.defer(() => group.stop());
    return { REDIS_URL: group.url };
  });

  topology('PgBouncer in session mode', async (stack) => {
    const { postgres } = await privateServers();
    const database = await freshDatabase();
    stack.defer(() => database.drop());
    const pooler = stack.use(await startPgBouncer(postgres.url));
    return { DATABASE_URL: pooler.through(database.url) };
  });

  topology('a Redis before 7, without sharded pub/sub, with a cluster name', async (stack) => {
    const { redis } = await privateServers();
    const url = new URL(redis.url);
    const forbidden = ['-ssubscribe', '-sunsubscribe', '-spublish'];
    await askRedis(redis.url, 'ACL', 'SETUSER', 'before7', 'on', '>secret', '~*', '&*', '+@all', ...forbidden);
    stack.defer(async () => void (await askRedis(redis.url, 'ACL', 'DELUSER', 'before7')));
    url.username = 'before7';
    url.password = 'secret';
    return { REDIS_URL: url.href, REDIS_ADAPTER: 'classic', CLUSTER_NAME: 'eu-2' };
  });
});
