import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalRedis, startRedis, toolsFolder } from '@chat-cluster/local-cluster';

/** A Redis of its own for a test that takes it away; it comes back at the same address. */
export async function ownRedis() {
  const folder = await mkdtemp(join(tmpdir(), 'chat-redis-test-'));
  const start = (port?: number): Promise<LocalRedis> =>
    startRedis({ dataDir: join(folder, 'redis'), toolsDir: toolsFolder, log: () => {}, port });
  let server = await start();
  const { url, port } = server;
  return {
    url,
    port,
    stop: () => server.stop(),
    /** It keeps its connections and answers nobody, until `resume`. */
    hang: () => process.kill(server.pid, 'SIGSTOP'),
    resume: () => process.kill(server.pid, 'SIGCONT'),
    async comeBack() {
      server = await start(port);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
