import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { claimFolder } from './claim-folder.ts';
import { onPort, PortInUseError } from './free-port.ts';
import { endLeftover } from './leftover.ts';
import { findRedis } from './redis-program.ts';
import { secretFile } from './secret-file.ts';
import { type EndStep, type ServerProcess, spawnServer } from './server-process.ts';
import { until } from './until.ts';

export interface RedisOptions {
  /** Absolute path; made if needed. */
  dataDir: string;
  /** Folder that keeps a fetched redis-server between starts. */
  toolsDir: string;
  /** Receives one line when something unusual happens. */
  log: (line: string) => void;
  /** Port to use, to start again at the same address. Default: a free one. */
  port?: number | undefined;
}

export interface LocalRedis {
  /** With the password. */
  url: string;
  port: number;
  pid: number;
  dataDir: string;
  /** "Redis 7.0.15". */
  version: string;
  /** Resolves when the server has ended, for any reason, with how it ended. */
  exited: Promise<string>;
  /** Stops it within `withinMs` (default 5 s), after the append-only file is written. Idempotent. */
  stop(options?: { withinMs?: number }): Promise<void>;
}

const START_WITHIN_MS = 30_000;

/**
 * Starts a private Redis and waits until it responds to PING: on a free port of loopback, with a generated password and
 * an append-only file that survives restarts. Throws UserError for a problem that the user can solve. One folder
 * contains all of it:
 *
 *   redis.conf (0600; contains the password, so that no command line does) · password (0600) · redis.pid · redis.log ·
 *   appendonlydir/
 */
export async function startRedis({ dataDir, toolsDir, log, port: wanted }: RedisOptions): Promise<LocalRedis> {
  const claim = await claimFolder(dataDir, 'redis');
  try {
    const { program, version, env } = await findRedis(toolsDir, log);
    const configFile = join(dataDir, 'redis.conf');
    await endLeftover(join(dataDir, 'redis.pid'), configFile, endSteps(5_000), log);
    const password = secretFile(join(dataDir, 'password'));
    const { server, port } = await onPort(wanted, async (port) => {
      writeFileSync(configFile, configuration(dataDir, port, password), { mode: 0o600 });
      const server = await spawnServer({
        command: [program, configFile],
        cwd: dataDir,
        env: { PATH: process.env.PATH, LC_ALL: 'C', ...env },
        logFile: join(dataDir, 'redis.log'),
        deathSignal: 'TERM',
      });
      await untilReady(server, port, password, dataDir);
      return server;
    });
    const stop = async ({ withinMs = 5_000 } = {}) => {
      await server.end(endSteps(withinMs));
      await claim.release();
    };
    const url = `redis://:${password}@127.0.0.1:${port}`;
    return { url, port, pid: server.pid, dataDir, version, exited: server.exited, stop };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

function endSteps(withinMs: number): EndStep[] {
  return [{ signal: 'SIGTERM', withinMs }];
}

/**
 * `noeviction`, because lanes hold accepted messages. Without a process title the command line contains the path of
 * this file, by which endLeftover recognises the process.
 */
function configuration(dataDir: string, port: number, password: string): string {
  return `${[
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(dataDir)}`,
    `pidfile ${JSON.stringify(join(dataDir, 'redis.pid'))}`,
    'set-proc-title no',
    'daemonize no',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
  ].join('\n')}\n`;
}

async function untilReady(server: ServerProcess, port: number, password: string, dataDir: string): Promise<void> {
  const ready = await until(
    async () => (server.ended() ? false : (await respondsToPing(port, password)) || undefined),
    {
      withinMs: START_WITHIN_MS,
    },
  );
  if (ready) return;
  await server.end(endSteps(2_000));
  const log = server.logTail();
  const reason = log.split('\n').at(-1) || 'it gave no reason.';
  const Failure = log.includes('Address already in use') ? PortInUseError : UserError;
  throw new Failure(`Redis did not start: ${reason} (its log is ${join(dataDir, 'redis.log')})`);
}

/**
 * False while it does not listen yet, or still loads its data ("-LOADING"). Over a bare socket, because loading a Redis
 * client would take longer than the start of Redis.
 */
function respondsToPing(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
      if (received.split('\r\n').length > 2) socket.destroy();
    });
    socket.once('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.once('timeout', () => socket.destroy()).on('error', () => undefined);
    socket.once('close', () => resolve(received.includes('+PONG')));
  });
}
