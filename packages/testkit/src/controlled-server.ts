import { type LocalPostgres, type LocalRedis, startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { startTestPostgres } from './postgres-template.ts';

/** Redis or Postgres as a process that a fault may end, stop for a while and bring back with its data. */
export interface ControlledServer {
  name: string;
  /** With the password, past every proxy. */
  url: string;
  /** The same for its whole life. */
  port: number;
  pid(): number;
  /** Ends it with `signal` and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Until it is started again its end is no surprise. */
  mayEnd(): void;
  /** Starts it again at the same port, with the data it had, and waits until it answers. */
  start(): Promise<void>;
  /** It keeps its connections and answers nothing. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

type Start = (port?: number) => Promise<LocalRedis | LocalPostgres>;
export type OnExit = (exit: { process: string; how: string; ordered: boolean }) => void;

export function controlledRedis(dataDir: string, onExit: OnExit, name = 'redis'): Promise<ControlledServer> {
  return control(name, (port) => startRedis({ dataDir, toolsDir: toolsFolder, log: () => {}, port }), onExit);
}

/** Postgres with everything forced to disk, as in production. */
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
    mayEnd() {
      ordered = true;
    },
    async start() {
      if (running) return;
      // What is left of the old one: its claim on the folder.
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
