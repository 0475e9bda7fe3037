import { spawnSync } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { familyOf, unpackDebianPackage } from './debian-package.ts';

/** A program that was found, and how to run it. */
export interface DebianProgram {
  /** A name, when it is on the PATH; otherwise an absolute path. */
  program: string;
  /** Result of `versionOf`. */
  version: string;
  /** Variables that the program needs. */
  env: { LD_LIBRARY_PATH?: string };
}

/** A program to find. */
export interface WantedProgram {
  /** Names of the program and of its package, which are the same. The first one that exists is used. */
  names: readonly string[];
  /** Folder of the program in the unpacked package. Default: usr/bin and usr/sbin. */
  unpackedIn?: string;
  /** The argument that makes it print its version. */
  versionFlag: string;
  /** Reads the version from that output; undefined when this version is not suitable. */
  versionOf(output: string): string | undefined;
}

/**
 * Finds a program, in this order: on the PATH; in the tree that an earlier run unpacked into `toolsDir`; in Debian's
 * package, which is unpacked (see debian-package.ts). Installs nothing and starts no service; findRedis installs as its
 * last resort. Throws UserError, with the reason only, when none of them works.
 */
export async function findProgram(
  wanted: WantedProgram,
  toolsDir: string,
  log: (line: string) => void,
): Promise<DebianProgram> {
  const [name = ''] = wanted.names;
  const folder = join(toolsDir, `${familyOf(name)}-${process.platform}-${process.arch}`);
  const found = programOnPath(wanted) ?? unpacked(wanted, folder);
  if (found) return found;
  if (!hasProgram('apt-get') || !hasProgram('dpkg')) throw new UserError('this machine has no apt-get');
  log(`Fetching ${name} (Debian package, unpacked into the project; once)`);
  const reason = await fetchInto(folder, wanted.names);
  const fetched = unpacked(wanted, folder);
  if (fetched) return fetched;
  throw new UserError(reason ?? 'the fetched program does not run on this machine');
}

export function programOnPath(wanted: WantedProgram): DebianProgram | undefined {
  return firstThatRuns(wanted, wanted.names, {});
}

function unpacked(wanted: WantedProgram, folder: string): DebianProgram | undefined {
  // Packages of Debian 12 and older have some libraries in lib, which is a link to usr/lib in an installed system.
  const libraries = globSync(['{usr/,}lib/', '{usr/,}lib/{*,*/*}/'], { cwd: folder }).map((name) => join(folder, name));
  const env = libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(':') } : {};
  const folders = wanted.unpackedIn === undefined ? ['usr/bin', 'usr/sbin'] : [wanted.unpackedIn];
  const places = folders.flatMap((place) => wanted.names.map((name) => join(folder, place, name)));
  return firstThatRuns(wanted, places, env);
}

function firstThatRuns(
  { versionFlag, versionOf }: WantedProgram,
  programs: readonly string[],
  env: DebianProgram['env'],
): DebianProgram | undefined {
  for (const program of programs) {
    const { stdout, stderr } = spawnSync(program, [versionFlag], { encoding: 'utf8', env: { ...process.env, ...env } });
    const version = versionOf(`${stdout ?? ''}${stderr ?? ''}`);
    if (version !== undefined) return { program, version, env };
  }
  return undefined;
}

/**
 * Returns the reason of a failure, or undefined. Replaces a tree that exists but does not run, for example after an
 * upgrade of the distribution.
 */
async function fetchInto(folder: string, names: readonly string[]): Promise<string | undefined> {
  try {
    rmSync(folder, { recursive: true, force: true });
    await unpackDebianPackage(names, folder);
    return undefined;
  } catch (error) {
    const output = String((error as { stderr?: string }).stderr ?? '').trim() || String(error);
    return (output.split('\n').find((line) => line.startsWith('E:')) ?? output.split('\n')[0] ?? '')
      .replace(/^E: /, '')
      .replace(/\.$/, '');
  }
}

export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
}
