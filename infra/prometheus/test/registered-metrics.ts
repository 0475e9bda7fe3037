import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { freshDatabase, privateServers } from '@chat-cluster/testkit';
import type { Metric } from './report-metrics.ts';

/** Starts a real process and returns the metrics that it has registered once it is ready. */
export async function metricsOf(
  service: 'gateway' | 'worker' | 'prober',
  settings: NodeJS.ProcessEnv = {},
): Promise<Metric[]> {
  const { redis } = await privateServers();
  const database = await freshDatabase();
  const child = spawn(
    process.execPath,
    ['--import', join(import.meta.dirname, 'report-metrics.ts'), join(repository, 'services', service, 'src/main.ts')],
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
        // The processes run at the same time, each with its own database.
        CLUSTER_NAME: randomUUID().slice(0, 8),
        // A port without a listener; the prober waits for it.
        PROBE_ENTRY: 'http://127.0.0.1:9',
        ...settings,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    },
  );
  try {
    return await new Promise<Metric[]>((resolve, reject) => {
      child.on('message', (message: { type: string; metrics?: Metric[] }) => {
        if (message.type === 'ready') child.send({ type: 'report-metrics' });
        if (message.metrics) resolve(message.metrics);
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the ${service} ended with exit code ${code}`)));
    });
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await database.drop();
  }
}
