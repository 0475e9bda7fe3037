/*
 * A private Redis: a free port on loopback, a generated password, an append-only file that survives restarts. BullMQ's
 * queues live here, hence `noeviction`. One folder holds all of it:
 *
 *   redis.conf (0600, carries the password so that no command line does) · password (0600) · redis.pid · redis.log ·
 *   appendonlydir/
 */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { claimFolder } from './claim-folder.ts';
import { freePort } from './free-port.ts';
import { endLeftover } from './leftover.ts';
import { findRedis } from './redis-program.ts';
import { secretFile } from './secret-file.ts';
import { type EndStep, type ServerProcess, spawnServer } from './server-process.ts';
import { until } from './until.ts';

export interface RedisOptions {
  /** Absolute path; made if needed. */
  dataDir: string;
  /** Where a fetched redis-server is kept between starts. */
  toolsDir: string;
  /** Hears one line when something out of the ordinary is done. */
  log: (line: string) => void;
  /** To come back at the same address; default any free one. */
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
  /** Resolves with how it ended, whoever ended it. */
  exited: Promise<string>;
  /** Ends it within `withinMs` (default 5 s), the append-only file written out. Idempotent. */
  stop(options?: { withinMs?: number }): Promise<void>;
}

const START_WITHIN_MS = 30_000;

/** Starts it and waits until it answers PING. Throws UserError for what the user can solve. */
export async function startRedis({ dataDir, toolsDir, log, port: wanted }: RedisOptions): Promise<LocalRedis> {
  const claim = await claimFolder(dataDir, 'redis');
  try {
    const { program, version, env } = await findRedis(toolsDir, log);
    const configFile = join(dataDir, 'redis.conf');
    await endLeftover(join(dataDir, 'redis.pid'), configFile, endSteps(5_000), log);
    const password = secretFile(join(dataDir, 'password'));
    const port = wanted ?? (await freePort());
    writeFileSync(configFile, configuration(dataDir, port, password), { mode: 0o600 });
    const server = await spawnServer({
      command: [program, configFile],
      cwd: dataDir,
      env: { PATH: process.env.PATH, LC_ALL: 'C', ...env },
      logFile: join(dataDir, 'redis.log'),
      deathSignal: 'TERM',
    });
    await untilReady(server, port, password, dataDir);
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

/** Plain title: the command line then names this file, by which endLeftover knows the process. */
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
  const ready = await until(async () => (server.ended() ? false : (await answersPing(port, password)) || undefined), {
    withinMs: START_WITHIN_MS,
  });
  if (ready) return;
  await server.end(endSteps(2_000));
  const reason = server.logTail().split('\n').at(-1) || 'it gave no reason.';
  throw new UserError(`Redis did not start: ${reason} (its log is ${join(dataDir, 'redis.log')})`);
}

/** False while it is not listening yet, or still reading its file ("-LOADING"). */
function answersPing(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
      if (heard.split('\r\n').length > 2) socket.destroy();
    });
    socket.once('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.once('timeout', () => socket.destroy()).on('error', () => undefined);
    socket.once('close', () => resolve(heard.includes('+PONG')));
  });
}
