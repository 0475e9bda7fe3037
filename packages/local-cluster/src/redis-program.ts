import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import { type DebianProgram, findProgram, hasProgram, programOnPath, type WantedProgram } from './debian-program.ts';

export type RedisProgram = DebianProgram;

/** Sharded pub/sub exists since Redis 7.0; every version of Valkey has it. */
const OLDEST_MAJOR = 7;

/** `version` has the form "Redis 7.0.15" or "Valkey 8.1.1". */
const REDIS: WantedProgram = {
  names: ['redis-server', 'valkey-server'],
  versionFlag: '--version',
  versionOf(output) {
    const [, name, version = ''] = /^(Redis|Valkey) server v=(\S+)/.exec(output) ?? [];
    return Number.parseInt(version, 10) >= OLDEST_MAJOR ? `${name} ${version}` : undefined;
  },
};

/**
 * Finds `redis-server` or `valkey-server`, see findProgram. If that fails and this process is root, installs Debian's
 * package in the ordinary way. Throws UserError when neither works.
 */
export async function findRedis(toolsDir: string, log: (line: string) => void): Promise<RedisProgram> {
  try {
    return await findProgram(REDIS, toolsDir, log);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (process.getuid?.() === 0 && hasProgram('apt-get')) await installPackage(log);
    const installed = programOnPath(REDIS);
    if (installed) return installed;
    throw new UserError(
      `No Redis ${OLDEST_MAJOR} or newer was found and none could be fetched (${error.message}): ` +
        'install redis-server or valkey-server, or set REDIS_URL to your own Redis.',
    );
  }
}

async function installPackage(log: (line: string) => void): Promise<void> {
  log('Installing redis-server with apt-get, since unpacking it into the project failed');
  // Run level 1 prevents the package from starting its own server on port 6379 where init scripts check the run level.
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const run = promisify(execFile);
  await run('apt-get', ['-q', 'update'], { env }).catch(() => undefined);
  await run('apt-get', ['-q', 'install', '-y', '--no-install-recommends', 'redis-server'], { env }).catch(
    () => undefined,
  );
}
