import type { Step } from './progress.ts';

export interface ClusterOptions {
  /** Port of HTTP and sockets on 127.0.0.1; 0 takes a free one. */
  port: number;
  /** Absolute path. */
  dataDir: string;
  gatewayProcesses: number;
  workers: number;
  lanes: number;
  /** True: starts a prober, which measures delivery between two users of its own. */
  probe?: boolean | undefined;
  /** A Postgres to use instead of starting one. */
  databaseUrl?: string | undefined;
  /** True: the schema exists already, so no migration is run. */
  migrated?: boolean | undefined;
  /** A Redis to use instead of starting one. */
  redisUrl?: string | undefined;
  /** Default: generated once and kept in the data folder, so that tokens stay valid over a restart. */
  jwtSecret?: string | undefined;
  allowedOrigins?: string | undefined;
  /** Added to the environment of every service; wins over all options above. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Folder of the repository whose services and migrations run. Default: this one. */
  version?: string | undefined;
  /** False (tests): Postgres forces nothing to disk. */
  durable?: boolean | undefined;
  /** Receives one line for each unusual event, for example a restart. */
  log: (line: string) => void;
  onStep?: ((step: Step) => void) | undefined;
  /** True: the services write to the output of this process. Default: to `<dataDir>/logs/<name>.log`. */
  inheritLogs?: boolean | undefined;
}
