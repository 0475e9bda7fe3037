import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository, type ServiceProcess, startService } from '@chat-cluster/local-cluster';
import { freshDatabase, privateServers } from '@chat-cluster/testkit';

/** Two gateways and a worker as processes of their own, each on a port of its own, on the run's Redis and Postgres. */
export interface StormCluster extends AsyncDisposable {
  /** The one that is killed, and the one that stays. */
  doomed: ServiceProcess;
  survivor: ServiceProcess;
  jwtSecret: string;
  databaseUrl: string;
  /** The survivors, with their pids. */
  processes: { name: string; pid: number }[];
}

export async function startStormCluster(env: NodeJS.ProcessEnv): Promise<StormCluster> {
  const undo = new AsyncDisposableStack();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'chat-storm-'));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const { redis, postgres } = await privateServers();
    const database = await freshDatabase();
    undo.defer(() => database.drop());
    const jwtSecret = randomBytes(32).toString('hex');
    const start = async (kind: 'gateway' | 'worker', name: string) => {
      const service = await startService({
        name,
        main: join(repository, 'services', kind, 'src/main.ts'),
        env: {
          ...process.env,
          HOST: '127.0.0.1',
          PORT: '0',
          ADMIN_PORT: '0',
          LOG_LEVEL: 'warn',
          LOG_FORMAT: 'json',
          JWT_SECRET: jwtSecret,
          REDIS_URL: redis.url,
          DATABASE_URL: database.url,
          GATEWAY_NAME: name,
          WORKER_NAME: name,
          ...env,
        },
        logFile: join(folder, `${name}.log`),
        log: () => {},
      });
      undo.defer(() => service.stop(5_000));
      return service;
    };
    const worker = await start('worker', 'worker-1');
    const [doomed, survivor] = [await start('gateway', 'gateway-1'), await start('gateway', 'gateway-2')];
    const parts = undo.move();
    return {
      doomed,
      survivor,
      jwtSecret,
      databaseUrl: database.url,
      processes: [
        { name: 'gateway', pid: survivor.pid() },
        { name: 'worker', pid: worker.pid() },
        { name: 'redis', pid: redis.pid },
        { name: 'postgres', pid: postgres.pid },
      ],
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}
