import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, freePort, PGBOUNCER, repository, spawnServer, toolsFolder } from '@chat-cluster/local-cluster';
import pg from 'pg';
import { eventually } from './eventually.ts';

/** A real PgBouncer on a free port of loopback. */
export interface PgBouncer extends AsyncDisposable {
  /** The URL of a database on its Postgres, through PgBouncer. */
  through(url: string): string;
}

/**
 * Starts PgBouncer with the shipped configuration in front of the server of `url`, and waits until it responds.
 * `changes`: settings that replace those of the configuration.
 */
export async function startPgBouncer(url: string, changes: Record<string, string> = {}): Promise<PgBouncer> {
  const { program, env } = await findProgram(PGBOUNCER, toolsFolder, () => {});
  const folder = await mkdtemp(join(tmpdir(), 'chat-pgbouncer-'));
  const port = await freePort();
  const { hostname, port: serverPort, username, password } = new URL(url);
  const settings = { listen_port: port, auth_file: join(folder, 'userlist.txt'), unix_socket_dir: '', ...changes };
  let ini = await readFile(join(repository, 'infra/pgbouncer/pgbouncer.ini'), 'utf8');
  ini = ini.replace(/^\* = .*$/m, `* = host=${hostname} port=${serverPort}`);
  // A second section would reset the settings of the first one, which is the last of the file.
  for (const [name, value] of Object.entries(settings)) {
    ini = `${ini.replace(new RegExp(`^${name} = .*\\n`, 'm'), '')}${name} = ${value}\n`;
  }
  await writeFile(join(folder, 'pgbouncer.ini'), ini);
  const user = [username, password].map((part) => `"${decodeURIComponent(part)}"`).join(' ');
  await writeFile(join(folder, 'userlist.txt'), `${user}\n`);
  const server = await spawnServer({
    // It refuses to run as root.
    command: [
      ...(process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--'] : []),
      ...[program, join(folder, 'pgbouncer.ini')],
    ],
    cwd: folder,
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...env },
    logFile: join(folder, 'output.log'),
    deathSignal: 'TERM',
  });
  const through = (database: string) => Object.assign(new URL(database), { host: `127.0.0.1:${port}` }).href;
  const stop = async () => {
    await server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(() => ping(through(url)));
  } catch (error) {
    const log = server.logTail();
    await stop();
    throw new Error(`PgBouncer did not start: ${log}`, { cause: error });
  }
  return { through, [Symbol.asyncDispose]: stop };
}

async function ping(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  await client.end();
}
