import { type LocalPostgres, type LocalRedis, startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { startTestPostgres } from './postgres-template.ts';

/** Redis or Postgres as a process that a fault can end, pause, and start again with its data. */
export interface ControlledServer {
  name: string;
  /** With the password; not through a proxy. */
  url: string;
  /** Does not change over restarts. */
  port: number;
  pid(): number;
  /** Sends `signal` and waits until it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Marks an exit before the next start as ordered. */
  expectExit(): void;
  /** Starts it again on the same port, with its data, and waits until it responds. */
  start(): Promise<void>;
  /** Stops the process: its connections stay open and get no reply. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

type Start = (port?: number) => Promise<LocalRedis | LocalPostgres>;
export type OnExit = (exit: { process: string; how: string; ordered: boolean }) => void;

export function controlledRedis(dataDir: string, onExit: OnExit, name = 'redis'): Promise<ControlledServer> {
  return control(name, (port) => startRedis({ dataDir, toolsDir: toolsFolder, log: () => {}, port }), onExit);
}

/** Postgres that forces everything to disk, as in production. */
export function controlledPostgres(dataDir: string, onExit: OnExit): Promise<ControlledServer> {
  return control('postgres', (port) => startTestPostgres({ dataDir, durable: true, log: () => {}, port }), onExit);
}

async function control(name: string, start: Start, onExit: OnExit): Promise<ControlledServer> {
  let server = await start();
  let running = true;
  let ordered = false;
  const watch = (process: LocalRedis | LocalPostgres) => {
    void process.exited.then((how) => {
      running = false;
      onExit({ process: name, how, ordered });
    });
  };
  watch(server);
  const { url, port } = server;
  const signal = (which: NodeJS.Signals) => running && process.kill(server.pid, which);
  return {
    name,
    url,
    port,
    pid: () => server.pid,
    async kill(which = 'SIGKILL') {
      ordered = true;
      signal(which);
      await server.exited;
    },
    expectExit() {
      ordered = true;
    },
    async start() {
      if (running) return;
      // Releases the claim of the old process on the folder.
      await server.stop();
      server = await start(port);
      running = true;
      ordered = false;
      watch(server);
    },
    async pause() {
      signal('SIGSTOP');
    },
    async resume() {
      signal('SIGCONT');
    },
    async stop() {
      ordered = true;
      signal('SIGCONT');
      await server.stop();
    },
  };
}
