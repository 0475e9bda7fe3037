/*
 * A process for tests to kill. It starts the server named by its first argument in the folder of its second one, prints
 * pid and URL as one line of JSON, and waits.
 */
import { startPostgres } from '../src/postgres.ts';
import { startRedis } from '../src/redis.ts';
import { toolsFolder } from '../src/repository.ts';

const [kind, dataDir = ''] = process.argv.slice(2);
const log = () => {};
const server =
  kind === 'postgres'
    ? await startPostgres({ dataDir, durable: false, log })
    : await startRedis({ dataDir, toolsDir: toolsFolder, log });
console.log(JSON.stringify({ pid: server.pid, url: server.url }));
setInterval(() => {}, 60_000);
