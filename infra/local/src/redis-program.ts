/*
 * Where redis-server comes from, in this order: a `redis-server` or `valkey-server` on the PATH; one that an earlier start
 * unpacked; Debian's package, unpacked (see debian-package.ts); as root, and only if that failed, Debian's package
 * installed in the ordinary way.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unpackDebianPackage } from './debian-package.ts';
import { UserError } from './user-error.ts';

export interface RedisProgram {
  program: string;
  /** As printed by the server, e.g. "Redis 7.0.15" or "Valkey 8.1.1". */
  version: string;
  /** What the program needs beside its own path. */
  env: { LD_LIBRARY_PATH?: string };
}

const SERVERS = ['redis-server', 'valkey-server'];
/** Sharded pub/sub came with Redis 7.0; every Valkey has it. */
const OLDEST_MAJOR = 7;

/** Finds or fetches it; throws UserError when neither works. */
export async function findRedis(toolsDir: string, log: (line: string) => void): Promise<RedisProgram> {
  const folder = join(toolsDir, `redis-${process.platform}-${process.arch}`);
  const found = onPath() ?? unpacked(folder);
  if (found) return found;
  if (!hasProgram('apt-get') || !hasProgram('dpkg')) throw missing('this machine has no apt-get');
  log('Fetching redis-server (Debian package, unpacked into the project; once)');
  const reason = await fetchInto(folder);
  const fetched = unpacked(folder);
  if (fetched) return fetched;
  if (process.getuid?.() === 0) await installForAll(log);
  const installed = onPath();
  if (installed) return installed;
  throw missing(reason ?? 'the fetched one does not run here');
}

function missing(reason: string): UserError {
  return new UserError(
    `No Redis ${OLDEST_MAJOR} or newer was found and none could be fetched (${reason}): ` +
      'install redis-server or valkey-server, or set REDIS_URL to a Redis of yours.',
  );
}

function onPath(): RedisProgram | undefined {
  return SERVERS.map((program) => probe(program, {})).find((found) => found !== undefined);
}

function unpacked(folder: string): RedisProgram | undefined {
  const libraries = join(folder, 'usr', 'lib');
  const env = existsSync(libraries)
    ? { LD_LIBRARY_PATH: [libraries, ...readdirSync(libraries).map((name) => join(libraries, name))].join(':') }
    : {};
  return SERVERS.map((name) => probe(join(folder, 'usr', 'bin', name), env)).find((found) => found !== undefined);
}

function probe(program: string, env: RedisProgram['env']): RedisProgram | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', env: { ...process.env, ...env } });
  const [, name, version = ''] = /^(Redis|Valkey) server v=(\S+)/.exec(stdout ?? '') ?? [];
  return Number.parseInt(version, 10) >= OLDEST_MAJOR ? { program, version: `${name} ${version}`, env } : undefined;
}

/** Returns why it failed, or `undefined`. A tree that is there but does not run (another release by now) is replaced. */
async function fetchInto(folder: string): Promise<string | undefined> {
  try {
    rmSync(folder, { recursive: true, force: true });
    await unpackDebianPackage(SERVERS, folder);
    return undefined;
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? '').trim() || String(error);
    return (said.split('\n').find((line) => line.startsWith('E:')) ?? said.split('\n')[0] ?? '')
      .replace(/^E: /, '')
      .replace(/\.$/, '');
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

function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
}
