/*
 * What all suites of `npm test` need, made while its gates are at work. The programs of Debian's that tests run: with
 * downloads of its own each suite waits for some 30 s. And, in the folder that is told, a Postgres to begin with. What can
 * not be had is told by the test that needs it.
 */
import { toolsFolder } from '@chat-cluster/local';
import { findProgram } from '@chat-cluster/local/debian-program';
import { findRedis } from '@chat-cluster/local/redis-program';
import { HAPROXY, NGINX, PROMETHEUS } from './debian-programs.ts';
import { makePostgresTemplate } from './postgres-template.ts';

const [postgres = ''] = process.argv.slice(2);
const log = (line: string) => process.stderr.write(`${line}\n`);

await Promise.allSettled([
  makePostgresTemplate(postgres),
  findRedis(toolsFolder, log),
  ...[PROMETHEUS, HAPROXY, NGINX].map((wanted) => findProgram(wanted, toolsFolder, log)),
]);
