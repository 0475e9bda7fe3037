/*
 * What all suites of `npm test` need, made while its gates are at work. The programs of Debian's that tests run: with
 * downloads of its own each suite waits for some 30 s. And, in the folder that is told, a Postgres to begin with. What can
 * not be had is told by the test that needs it.
 */
import { findProgram, findRedis, HAPROXY, NGINX, PROMETHEUS, toolsFolder } from '@chat-cluster/local-cluster';
import { makePostgresTemplate } from './postgres-template.ts';

const [postgres = ''] = process.argv.slice(2);
const log = (line: string) => process.stderr.write(`${line}\n`);

await Promise.allSettled([
  makePostgresTemplate(postgres),
  findRedis(toolsFolder, log),
  ...[PROMETHEUS, HAPROXY, NGINX].map((wanted) => findProgram(wanted, toolsFolder, log)),
]);
