import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import { eventually, queryPostgres, startFaultCluster, startFaultProxy, startTestCluster } from '@chat-cluster/testkit';
import jwt from 'jsonwebtoken';
import { io } from 'socket.io-client';
import type { OpenSocket } from '../../src/index.ts';
import { STAGE_SETTINGS, type Stage } from './stage.ts';

const ADMIN_TOKEN = 'token-of-the-administrators';

/** Two gateways behind one port, and a worker. Clients open their sockets as in an application. */
export async function startLocalStage(): Promise<Stage> {
  const cluster = await startTestCluster({ env: { ...STAGE_SETTINGS, ADMIN_TOKEN } });
  const proxy = await startFaultProxy({ upstreams: [cluster.port] });
  return {
    access: { url: `http://127.0.0.1:${proxy.port}` },
    ...behaviours(cluster, () => cluster.processes.find(({ name }) => name === 'gateway')?.adminPort),
    breakConnections() {
      proxy.set({ kind: 'reset' });
      proxy.set({ kind: 'pass' });
    },
    async stop() {
      await proxy[Symbol.asyncDispose]();
      await cluster.stop();
    },
  };
}

/** Two gateways and a worker behind a network that delays everything, each packet for another time. */
export async function startSlowStage(): Promise<Stage> {
  const cluster = await startFaultCluster({
    gateways: 2,
    workers: 1,
    lanes: 2,
    env: { ...STAGE_SETTINGS, ADMIN_TOKEN },
  });
  const slow = { kind: 'delay', ms: 2, jitterMs: 20 } as const;
  cluster.entry.set(slow);
  const servers = { databaseUrl: cluster.postgres.url, redisUrl: cluster.redis.url, jwtSecret: cluster.jwtSecret };
  return {
    access: { url: cluster.url, socket: openWebsocket },
    ...behaviours(servers, () => cluster.gateways[0]?.adminPort),
    breakConnections() {
      cluster.entry.set({ kind: 'reset' });
      cluster.entry.set(slow);
    },
    async drain(gatewayId) {
      const gateway = cluster.gateways.find(({ name }) => name === gatewayId);
      if (!gateway) throw new Error(`There is no ${gatewayId}.`);
      const pid = gateway.pid();
      gateway.kill('SIGTERM');
      // Restarted: the tests after this one need two gateways.
      await eventually(async () => {
        if (gateway.pid() === pid || !(await gateway.isReady())) throw new Error(`${gatewayId} is not back`);
      });
    },
    async stop() {
      await cluster[Symbol.asyncDispose]();
    },
  };
}

interface Servers {
  databaseUrl: string;
  redisUrl: string;
  jwtSecret: string;
}

function behaviours(
  servers: Servers,
  adminPort: () => number | undefined,
): Pick<Stage, 'tokenFor' | 'revoke' | 'limitSends' | 'backup'> {
  const revoked = new Set<string>();
  return {
    tokenFor(userId, expiresInMs = 3_600_000) {
      const now = Date.now();
      // `iat` has whole seconds, and a revocation is about all tokens of its second.
      const iat = Math.floor(now / 1_000) - (revoked.has(userId) ? 0 : 10);
      return jwt.sign({ sub: userId, iat, exp: Math.floor((now + expiresInMs) / 1_000) }, servers.jwtSecret);
    },
    async revoke(userId) {
      revoked.add(userId);
      const response = await fetch(`http://127.0.0.1:${adminPort()}/revocations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
        body: JSON.stringify({ userId, issuedBefore: new Date(Date.now() - 5_000).toISOString() }),
      });
      if (response.status !== 201) throw new Error(`POST /revocations: ${response.status} ${await response.text()}`);
    },
    limitSends: () => {},
    backup: (conversationId) => backup(servers, conversationId),
  };
}

/** Keeps the rows of a conversation. The restore removes later messages and renews the epoch, as an operator does. */
async function backup({ databaseUrl, redisUrl }: Servers, id: string): Promise<() => Promise<void>> {
  const query = (statement: string, values: readonly unknown[]) => queryPostgres(databaseUrl, statement, values);
  const [conversation] = await query('select last_seq from conversations where id = $1', [id]);
  const participants = await query(
    'select user_id, last_read_seq, read_at, unread_count from participants where conversation_id = $1',
    [id],
  );
  return async () => {
    await query('delete from messages where conversation_id = $1 and seq > $2', [id, conversation?.last_seq]);
    await query('update conversations set last_seq = $2 where id = $1', [id, conversation?.last_seq]);
    for (const { user_id, last_read_seq, read_at, unread_count } of participants) {
      await query(
        `update participants set last_read_seq = $3, read_at = $4, unread_count = $5
         where conversation_id = $1 and user_id = $2`,
        [id, user_id, last_read_seq, read_at, unread_count],
      );
    }
    const command = join(repository, 'services/worker/src/commands/renew-epoch.ts');
    const env = { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl };
    await promisify(execFile)(process.execPath, [command, 'now'], { env });
  };
}

/** The proxy assigns each TCP connection to another gateway, so only websockets stay on theirs. */
const openWebsocket: OpenSocket = (url, { auth }) =>
  io(url, { auth, forceNew: true, autoConnect: false, reconnection: false, transports: ['websocket'] });
