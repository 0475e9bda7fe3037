import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { freshDatabase, privateServers } from '@chat-cluster/testkit';
import type { Metric } from './tell-metrics.ts';

export type Service = 'gateway' | 'worker' | 'prober';

/** The metrics of a real process, once it is ready: those too that are registered by what starts in it. */
export async function metricsOf(service: Service): Promise<Metric[]> {
  const { redis } = await privateServers();
  const database = await freshDatabase();
  const child = spawn(
    process.execPath,
    ['--import', join(import.meta.dirname, 'tell-metrics.ts'), join(repository, 'services', service, 'src/main.ts')],
    {
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        PORT: '0',
        ADMIN_PORT: '0',
        LOG_LEVEL: 'error',
        JWT_SECRET: 'secret',
        DATABASE_URL: database.url,
        REDIS_URL: redis.url,
        // Nobody is there, and it waits.
        PROBE_ENTRY: 'http://127.0.0.1:9',
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    },
  );
  try {
    return await new Promise<Metric[]>((resolve, reject) => {
      child.on('message', (message: { type: string; metrics?: Metric[] }) => {
        if (message.type === 'ready') child.send({ type: 'which-metrics' });
        if (message.metrics) resolve(message.metrics);
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the ${service} ended: exit code ${code}`)));
    });
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await database.drop();
  }
}
