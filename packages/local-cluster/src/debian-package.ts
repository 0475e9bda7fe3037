import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Time limit of one apt command, in ms. */
const APT_WITHIN_MS = 180_000;

/** What is unpacked in addition to the program's own packages and libraries. */
export interface Companions {
  /** Packages that the program's package does not depend on. */
  packages?: readonly string[];
  /** Families of packages that the program needs to run: `erlang` stands for each erlang-… that this machine lacks. */
  families?: readonly string[];
}

/**
 * Unpacks the first of `names` that the distribution has, with the libraries this machine lacks, as the tree `folder`.
 * Several processes may do so at once: the tree appears as a whole, and the first one stays. Throws the error of apt.
 *
 * The machine itself is not changed: `apt-get install` needs root and would register a service that starts at every
 * boot (redis-server on port 6379). Instead apt keeps private package lists next to the tools, resolves the missing
 * packages against the real package status of this machine and downloads them, with the usual check of signatures. The
 * packages are then unpacked, not installed: no scripts run, and nothing is written outside `folder`. It works the same
 * way for root and for a normal user.
 */
export async function unpackDebianPackage(
  names: readonly string[],
  folder: string,
  companions: Companions = {},
): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.part-`);
  try {
    const config = privateApt(work);
    await apt(work, config, ['update']);
    const packages = await missingPackages(work, config, names, companions);
    await apt(work, config, ['download', ...packages]);
    for (const deb of readdirSync(work).filter((file) => file.endsWith('.deb'))) {
      await run('dpkg', ['-x', join(work, deb), join(work, 'tree')]);
    }
    keepFirst(join(work, 'tree'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Apt reads this file last, so it overrides the machine's settings. The cleared hooks would change the machine's lists.
 */
function privateApt(work: string): string {
  for (const folder of ['state/lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  const settings = [
    `Dir::State "${join(work, 'state')}";`,
    'Dir::State::status "/var/lib/dpkg/status";',
    `Dir::Cache "${join(work, 'cache')}";`,
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    'APT::Update::Error-Mode "any";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
  ];
  writeFileSync(join(work, 'apt.conf'), `${settings.join('\n')}\n`);
  return join(work, 'apt.conf');
}

/**
 * The packages to unpack: the program's own ones and libraries. Package scripts do not run, so their helpers are left
 * out; libc must be that of this machine.
 */
async function missingPackages(
  work: string,
  config: string,
  names: readonly string[],
  { packages = [], families = [] }: Companions,
): Promise<string[]> {
  let failure: unknown;
  for (const name of names) {
    try {
      const plan = await apt(work, config, ['install', '--simulate', '--no-install-recommends', name, ...packages]);
      const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, found = '']) => found);
      const wanted = [name, ...families].map(familyOf);
      return missing.filter((found) => wanted.includes(familyOf(found)) || /^lib(?!c6|c-(?!ares))/.test(found));
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** `redis` for `redis-server`: the packages of one program share the first part of their names. */
export function familyOf(name: string): string {
  return name.split('-', 1)[0] ?? name;
}

async function apt(cwd: string, config: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  const { stdout } = await run('apt-get', ['-q', '-c', config, ...args], { cwd, env, timeout: APT_WITHIN_MS });
  return stdout;
}

function keepFirst(tree: string, folder: string): void {
  try {
    renameSync(tree, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}
