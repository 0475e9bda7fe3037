import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { type LocalPostgres, type PostgresOptions, startPostgres } from '@chat-cluster/local-cluster';

/** Set by `npm test` for all suites of a run: a folder of a Postgres that was made and stopped. */
const template = process.env.CHAT_TEST_POSTGRES ?? '';

/** Makes that folder. */
export async function makePostgresTemplate(dataDir: string): Promise<void> {
  const postgres = await startPostgres({ dataDir, durable: false, log: () => {} });
  await postgres.stop();
}

/**
 * As startPostgres. Data that is still to be made begins as a copy of the run's template, which takes 0.1 s of CPU where
 * initdb takes 1.1 s, and a run of all tests has some fifty of them.
 */
export async function startTestPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { dataDir } = options;
  if (existsSync(template) && !existsSync(dataDir)) await promisify(execFile)('cp', ['-a', template, dataDir]);
  return startPostgres(options);
}
