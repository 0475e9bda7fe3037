/*
 * A process for tests to kill. It starts the server named by its first argument in the folder of its second one (or a
 * service that does nothing), prints pid and URL as one line of JSON, and waits.
 */
import { join } from 'node:path';
import { startPostgres } from '../src/postgres.ts';
import { startRedis } from '../src/redis.ts';
import { toolsFolder } from '../src/repository.ts';
import { startService } from '../src/service-process.ts';

const [kind, dataDir = ''] = process.argv.slice(2);
const log = () => {};
const server =
  kind === 'postgres'
    ? await startPostgres({ dataDir, durable: false, log })
    : kind === 'redis'
      ? await startRedis({ dataDir, toolsDir: toolsFolder, log })
      : await holdService();
console.log(JSON.stringify({ pid: server.pid, url: server.url }));
setInterval(() => {}, 60_000);

async function holdService() {
  const main = join(import.meta.dirname, 'idle-service.ts');
  const service = await startService({ name: 'idle', main, env: process.env, log });
  return { pid: service.pid(), url: '' };
}
