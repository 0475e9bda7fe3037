/*
 * Fetches what tests run of Debian's, side by side, while the gates of `npm test` are at work: with downloads of its own each
 * suite waits for some 30 s. A program that can not be had is told by the test that needs it.
 */
import { toolsFolder } from '@chat-cluster/local';
import { findProgram } from '@chat-cluster/local/debian-program';
import { findRedis } from '@chat-cluster/local/redis-program';
import { HAPROXY, NGINX, PROMETHEUS } from './debian-programs.ts';

const log = (line: string) => process.stderr.write(`${line}\n`);

await Promise.allSettled([
  findRedis(toolsFolder, log),
  ...[PROMETHEUS, HAPROXY, NGINX].map((wanted) => findProgram(wanted, toolsFolder, log)),
]);
