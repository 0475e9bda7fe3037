/*
 * Prepares what the suites of `npm test` share, while its gates run: the Debian programs that tests use (a suite that
 * fetches them itself waits about 30 s), and the Postgres template in the folder given as argument. A failure is
 * ignored here: the test that needs the program reports it.
 */
import {
  CHROMIUM,
  findProgram,
  findRedis,
  HAPROXY,
  NGINX,
  PGBOUNCER,
  PROMETHEUS,
  toolsFolder,
} from '@chat-cluster/local-cluster';
import { makePostgresTemplate } from './postgres-template.ts';

const [postgres = ''] = process.argv.slice(2);
const log = (line: string) => process.stderr.write(`${line}\n`);

await Promise.allSettled([
  makePostgresTemplate(postgres),
  findRedis(toolsFolder, log),
  ...[CHROMIUM, PROMETHEUS, HAPROXY, NGINX, PGBOUNCER].map((wanted) => findProgram(wanted, toolsFolder, log)),
]);
