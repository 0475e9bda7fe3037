import { execFile } from 'node:child_process';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ControlledServer, controlledPostgres, type OnExit } from './controlled-server.ts';
import { eventually } from './eventually.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { queryPostgres } from './query-postgres.ts';

/** A primary and a standby behind one address. The functions of ControlledServer act on the primary of the start. */
export interface ReplicatedPostgres extends ControlledServer {
  /**
   * Replaces the primary by the standby, as managed databases do. Connections that are open stay with the old primary,
   * new ones reach the new one.
   * - `fenced`: the old primary keeps its connections and becomes read-only.
   * - `restarted`: the old primary restarts as a standby, and for a while the address still leads to it, as a stale DNS
   *   entry does.
   */
  failOver(old: 'fenced' | 'restarted'): Promise<void>;
}

/** Time for which the address leads to the old primary after its restart, in ms: longer than a pause between retries. */
const STALE_ADDRESS_MS = 4_000;

/**
 * Starts two Postgres servers. Replication is synchronous: the primary acknowledges a commit when the standby has it on
 * disk, so a failover loses nothing that was acknowledged.
 *
 *   address ──link──▶ primary ──every commit──▶ standby
 */
export async function replicatedPostgres(dataDir: string, onExit: OnExit): Promise<ReplicatedPostgres> {
  await using parts = new AsyncDisposableStack();
  const [folderA, folderB] = [join(dataDir, 'a'), join(dataDir, 'b')];
  await mkdir(folderB, { recursive: true, mode: 0o700 });
  // A copy of a stopped server needs no backup mode. The packaged Postgres has no pg_basebackup.
  const original = await controlledPostgres(folderA, () => {});
  await original.stop();
  await promisify(execFile)('cp', ['-a', join(folderA, 'data'), join(folderA, 'password'), folderB]);
  const old = parts.adopt(await controlledPostgres(folderA, onExit), (server) => server.stop());
  await follow(folderB, old.url);
  const next = parts.adopt(await controlledPostgres(folderB, onExit), (server) => server.stop());
  await queryPostgres(old.url, "alter system set synchronous_standby_names = '*'");
  await queryPostgres(old.url, 'select pg_reload_conf()');
  await eventually(async () => {
    const replicas = await queryPostgres(old.url, "select from pg_stat_replication where sync_state = 'sync'");
    if (replicas.length === 0) throw new Error('the standby does not follow the primary');
  });
  const upstreams = [old.port];
  const link = parts.use(await startFaultProxy({ upstreams }));
  const { url, port } = { url: withPort(old.url, link.port), port: link.port };
  const running = parts.move();
  return {
    ...old,
    url,
    port,
    async failOver(how) {
      if (how === 'fenced') {
        await queryPostgres(old.url, 'alter system set default_transaction_read_only = on');
        await queryPostgres(old.url, 'select pg_reload_conf()');
      } else {
        await old.kill('SIGINT');
        await follow(folderA, next.url);
        await old.start();
        await delay(STALE_ADDRESS_MS);
      }
      await queryPostgres(next.url, 'select pg_promote()');
      upstreams[0] = next.port;
      // The checker must not read from the old primary.
      await queryPostgres(
        old.url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'checker'",
      );
    },
    stop: () => running.disposeAsync(),
  };
}

/** Makes the server with the data in this folder, which is stopped, a standby of the one at `url`. */
async function follow(folder: string, url: string): Promise<void> {
  const { username, password, port } = new URL(url);
  const conninfo = `host=127.0.0.1 port=${port} user=${username} password=${password}`;
  await appendFile(join(folder, 'data/postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
  await writeFile(join(folder, 'data/standby.signal'), '');
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
