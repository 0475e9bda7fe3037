import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import type { FaultCluster } from '@chat-cluster/testkit';

export interface MigrateOptions {
  /** True: also runs the migrations of next-migrate.ts, which no version has yet. */
  next: boolean;
  /** Called when a migration did not get its lock and is retried. */
  onRetry?(): void;
}

export interface MigrationResult {
  /** Names of the migrations that ran. */
  names: string[];
  /** Attempts that did not get a lock and were repeated. */
  retries: number;
  seconds: number;
}

/** What the migration command prints for an attempt that did not get its lock. */
const RETRY = /: attempt \d+ of /g;

/** Runs the migration command of this version, as a deploy does. Rejects with its output. */
export async function migrateCluster(
  { postgres }: FaultCluster,
  { next, onRetry }: MigrateOptions,
): Promise<MigrationResult> {
  const command = next
    ? join(import.meta.dirname, 'next-migrate.ts')
    : join(repository, 'packages/postgres/src/migrate.ts');
  const started = performance.now();
  const running = promisify(execFile)(process.execPath, [command], {
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
