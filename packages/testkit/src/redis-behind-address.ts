import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { askRedis } from './ask-redis.ts';
import { eventually } from './eventually.ts';
import { startFaultProxy } from './fault-proxy.ts';

/**
 * A managed Redis: a primary and a replica behind one plain address, a TCP link that leads to the primary. Both servers
 * keep their connections during a failover.
 */
export interface RedisBehindAddress extends AsyncDisposable {
  /** `redis://` URL of the address, with the password. */
  url: string;
  /** URLs of the servers themselves. They change places with each failover. */
  readonly primaryUrl: string;
  readonly replicaUrl: string;
  /**
   * Promotes the replica and lets the address lead to it. `demoteAfterMs` later the old primary becomes a replica; until
   * then both accept writes. What was not replicated yet is lost, as with every asynchronous replication.
   */
  failOver(options?: { demoteAfterMs?: number }): Promise<void>;
  /** Lets the address lead to the replica, without a failover, or to the primary again. */
  leadTo(role: 'primary' | 'replica'): void;
  /** Names of the connections of clients at the replica. */
  clientsOfReplica(): Promise<string[]>;
}

/** Starts both servers with their data in `folder`, and waits until they replicate. */
export async function startRedisBehindAddress(folder: string): Promise<RedisBehindAddress> {
  const undo = new AsyncDisposableStack();
  try {
    const start = async (name: string) => {
      const server = await startRedis({ dataDir: join(folder, name), toolsDir: toolsFolder, log: () => {} });
      undo.defer(() => server.stop());
      return server;
    };
    let [primary, replica] = [await start('redis-a'), await start('redis-b')];
    const { password } = new URL(primary.url);
    // One password for both, because the address has one.
    await askRedis(replica.url, 'CONFIG', 'SET', 'requirepass', password);
    const urlOf = ({ port }: { port: number }) => `redis://:${password}@127.0.0.1:${port}`;
    for (const server of [primary, replica]) {
      await askRedis(urlOf(server), 'CONFIG', 'SET', 'repl-diskless-sync-delay', '0', 'masterauth', password);
    }
    const replicate = async () => void (await askRedis(urlOf(replica), 'REPLICAOF', '127.0.0.1', String(primary.port)));
    const untilReplicated = () =>
      eventually(async () => {
        expect(await askRedis(urlOf(replica), 'INFO', 'replication')).to.include('master_link_status:up');
      });
    await replicate();
    await untilReplicated();
    const upstreams = [primary.port];
    const link = undo.use(await startFaultProxy({ upstreams }));
    const parts = undo.move();
    return {
      url: urlOf(link),
      get primaryUrl() {
        return urlOf(primary);
      },
      get replicaUrl() {
        return urlOf(replica);
      },
      async failOver({ demoteAfterMs = 0 } = {}) {
        await untilReplicated();
        [primary, replica] = [replica, primary];
        await askRedis(urlOf(primary), 'REPLICAOF', 'NO', 'ONE');
        upstreams[0] = primary.port;
        await delay(demoteAfterMs);
        await replicate();
      },
      leadTo(role) {
        upstreams[0] = (role === 'primary' ? primary : replica).port;
      },
      async clientsOfReplica() {
        const list = String(await askRedis(urlOf(replica), 'CLIENT', 'LIST'));
        const clients = list.split('\n').filter((line) => line !== '' && !/ flags=[^ ]*[MS]| cmd=client/.test(line));
        return clients.map((line) => / name=(\S*)/.exec(line)?.[1] ?? '');
      },
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}
