import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import type { FaultCluster } from '@chat-cluster/testkit';

export interface MigrateCluster {
  /** True: with migrations that no version has yet. */
  next: boolean;
  /** Called when one did not get its lock and is to be tried again. */
  onRetry?(): void;
}

export interface Migrated {
  /** Names of those that ran. */
  names: string[];
  /** How often one did not get its lock and was tried again. */
  retries: number;
  seconds: number;
}

const RETRY = /: attempt \d+ of /g;

/** Runs this version's command on the database, as a deploy does. Rejects with what it said. */
export async function migrateCluster({ postgres }: FaultCluster, { next, onRetry }: MigrateCluster): Promise<Migrated> {
  const command = next ? 'load-tests/verify/src/next-migrate.ts' : 'packages/postgres/src/migrate.ts';
  const started = performance.now();
  const running = promisify(execFile)(process.execPath, [join(repository, command)], {
    env: { ...process.env, DATABASE_URL: postgres.url },
  });
  running.child.stdout?.on('data', (text: string) => text.match(RETRY) && onRetry?.());
  const { stdout } = await running;
  return {
    names: stdout.match(/(?<=^migrated: )\S+/gm) ?? [],
    retries: stdout.match(RETRY)?.length ?? 0,
    seconds: (performance.now() - started) / 1_000,
  };
}
