import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local';
import type { FaultCluster } from '@chat-cluster/testkit';

export interface Migrated {
  /** Names of those that ran. */
  names: string[];
  /** How often one did not get its lock and was tried again. */
  retries: number;
  seconds: number;
}

/** Runs this version's command on the database, as a deploy does; `next`: one with more migrations. Rejects with what it said. */
export async function migrateCluster({ postgres }: FaultCluster, { next }: { next: boolean }): Promise<Migrated> {
  const command = next ? 'load-tests/verify/src/next-migrate.ts' : 'packages/postgres/src/migrate.ts';
  const started = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [join(repository, command)], {
    env: { ...process.env, DATABASE_URL: postgres.url },
  });
  return {
    names: stdout.match(/(?<=^migrated: )\S+/gm) ?? [],
    retries: stdout.match(/: try \d+ of /g)?.length ?? 0,
    seconds: (performance.now() - started) / 1_000,
  };
}
