/*
 * Where redis-server comes from: as every program of Debian (see debian-program.ts), `redis-server` or `valkey-server`;
 * as root, and only if that failed, Debian's package installed in the ordinary way.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import { type DebianProgram, findProgram, hasProgram, programOnPath, type WantedProgram } from './debian-program.ts';

export type RedisProgram = DebianProgram;

/** Sharded pub/sub came with Redis 7.0; every Valkey has it. */
const OLDEST_MAJOR = 7;

/** Its version is one like "Redis 7.0.15" or "Valkey 8.1.1". */
const REDIS: WantedProgram = {
  names: ['redis-server', 'valkey-server'],
  versionFlag: '--version',
  versionOf(printed) {
    const [, name, version = ''] = /^(Redis|Valkey) server v=(\S+)/.exec(printed) ?? [];
    return Number.parseInt(version, 10) >= OLDEST_MAJOR ? `${name} ${version}` : undefined;
  },
};

/** Finds or fetches it; throws UserError when neither works. */
export async function findRedis(toolsDir: string, log: (line: string) => void): Promise<RedisProgram> {
  try {
    return await findProgram(REDIS, toolsDir, log);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (process.getuid?.() === 0 && hasProgram('apt-get')) await installForAll(log);
    const installed = programOnPath(REDIS);
    if (installed) return installed;
    throw new UserError(
      `No Redis ${OLDEST_MAJOR} or newer was found and none could be fetched (${error.message}): ` +
        'install redis-server or valkey-server, or set REDIS_URL to a Redis of yours.',
    );
  }
}

async function installForAll(log: (line: string) => void): Promise<void> {
  log('Installing redis-server with apt-get, since unpacking it into the project failed');
  // The run level 1 keeps the package from starting its own server on port 6379 where init scripts decide that.
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const run = promisify(execFile);
  await run('apt-get', ['-q', 'update'], { env }).catch(() => undefined);
  await run('apt-get', ['-q', 'install', '-y', '--no-install-recommends', 'redis-server'], { env }).catch(
    () => undefined,
  );
}
