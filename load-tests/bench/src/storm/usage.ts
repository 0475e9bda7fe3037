import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { cpuSeconds } from '../cpu.ts';

/** What the processes used while they were watched. */
export interface Usage {
  cpuSeconds: Record<string, number>;
  /** Highest resident memory of the gateway in its life so far, MB. */
  rssPeakMb: number;
  /** Postgres connections of the gateway, at most. */
  postgresConnections: number;
}

const SAMPLE_EVERY_MS = 100;

/** Watches `processes`, and of one of them, the gateway, memory and its connections to Postgres. */
export async function watchUsage(options: {
  processes: readonly { name: string; pid: number }[];
  gateway: { name: string; pid: number };
  databaseUrl: string;
}): Promise<{ stop(): Promise<Usage> } & AsyncDisposable> {
  const { processes, gateway } = options;
  const client = new pg.Client({ connectionString: options.databaseUrl });
  // The end of a run that failed may end its database first.
  client.on('error', () => {});
  await client.connect();
  let postgresConnections = 0;
  let asked: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    asked = asked.then(async () => {
      const { rows } = await client.query(CONNECTIONS, [gateway.name]);
      postgresConnections = Math.max(postgresConnections, rows[0].count);
    });
  }, SAMPLE_EVERY_MS);
  const before = await cpuSeconds(processes);
  let ended = false;
  const end = async () => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    await asked;
    await client.end();
  };
  return {
    async stop() {
      const after = await cpuSeconds(processes);
      await end();
      const used = [...after].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]);
      const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
      const rssPeakMb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024;
      return { cpuSeconds: Object.fromEntries(used), rssPeakMb, postgresConnections };
    },
    [Symbol.asyncDispose]: end,
  };
}

const CONNECTIONS = 'select count(*)::integer as count from pg_stat_activity where application_name = $1';
