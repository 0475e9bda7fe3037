import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalRedis, startRedis, toolsFolder } from '@chat-cluster/local-cluster';

/** A Redis for one test that stops it. It restarts at the same address. */
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
    /** It keeps its connections but responds to no command, until `resume`. */
    hang: () => process.kill(server.pid, 'SIGSTOP'),
    resume: () => process.kill(server.pid, 'SIGCONT'),
    /** Its folder is gone, so it can save nothing. */
    loseFolder: () => rm(join(folder, 'redis'), { recursive: true }),
    async restart() {
      server = await start(port);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
