/*
 * Where a program of Debian comes from, in this order: the PATH; the tree that an earlier run unpacked; Debian's package,
 * unpacked (see debian-package.ts). Nothing is installed, no service is started.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { familyOf, unpackDebianPackage } from './debian-package.ts';

export interface DebianProgram {
  /** A name, for one of the PATH, or an absolute path. */
  program: string;
  /** As `versionOf` made it of what the program printed. */
  version: string;
  /** What the program needs beside its own path. */
  env: { LD_LIBRARY_PATH?: string };
}

export interface WantedProgram {
  /** Of the program and of its package alike; the first that is there is taken. */
  names: readonly string[];
  /** The argument that makes it print its version. */
  versionFlag: string;
  /** Of what it printed; undefined when this one will not do. */
  versionOf(printed: string): string | undefined;
}

/** Finds or fetches it into `toolsDir`; throws UserError, with the reason alone, when neither works. */
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
  throw new UserError(reason ?? 'the fetched one does not run here');
}

export function programOnPath(wanted: WantedProgram): DebianProgram | undefined {
  return firstThatRuns(wanted, wanted.names, {});
}

function unpacked(wanted: WantedProgram, folder: string): DebianProgram | undefined {
  const libraries = join(folder, 'usr', 'lib');
  const env = existsSync(libraries)
    ? { LD_LIBRARY_PATH: [libraries, ...readdirSync(libraries).map((name) => join(libraries, name))].join(':') }
    : {};
  const places = ['bin', 'sbin'].flatMap((place) => wanted.names.map((name) => join(folder, 'usr', place, name)));
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

/** Returns why it failed, or `undefined`. A tree that is there but does not run (another release by now) is replaced. */
async function fetchInto(folder: string, names: readonly string[]): Promise<string | undefined> {
  try {
    rmSync(folder, { recursive: true, force: true });
    await unpackDebianPackage(names, folder);
    return undefined;
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? '').trim() || String(error);
    return (said.split('\n').find((line) => line.startsWith('E:')) ?? said.split('\n')[0] ?? '')
      .replace(/^E: /, '')
      .replace(/\.$/, '');
  }
}

export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
}
