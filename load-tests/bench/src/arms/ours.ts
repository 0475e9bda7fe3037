import { join } from 'node:path';
import { type Cluster, repository, signToken, startChatService, startCluster } from '@chat-cluster/local-cluster';
import { mapConcurrently, temporaryFolder } from '@chat-cluster/testkit';
import type { ArmOptions, ProcessKind, RunningArm } from './arm.ts';
import { createGroups, openConversations, planPairs, planUsers } from './users.ts';

export interface OurOptions extends ArmOptions {
  /** Default: 2 gateways, 1 worker and 4 lanes, as `npm start` has them. */
  gateways?: number;
  workers?: number;
  lanes?: number;
  /** All gateways share one port, as with `npm start`. Default: each has an address of its own. */
  onePort?: boolean;
  /** Added to the environment of every gateway and worker. */
  env?: NodeJS.ProcessEnv;
  /** Folder of the repository whose services and migrations run. Default: this one. */
  version?: string;
}

export interface RunningOurs extends RunningArm {
  databaseUrl: string;
  redisUrl: string;
  jwtSecret: string;
  gateways: Service[];
  workers: Service[];
}

export interface Service {
  name: string;
  url: string;
  /** Address of the metrics. */
  adminUrl: string;
  pid: number;
  /** Ends the process with SIGKILL; it is not started again. Absent for the first gateway and the workers. */
  kill?(): void;
}

const STOP_WITHIN_MS = 5_000;
/** A few users carry all the load; the limit of a connection is not measured. */
const UNLIMITED = {
  RATE_LIMIT_PER_SECOND: '1000000',
  RATE_LIMIT_BURST: '1000000',
  USER_RATE_LIMIT_PER_SECOND: '1000000',
  USER_RATE_LIMIT_BURST: '1000000',
  MAX_CONNECTIONS_PER_USER: '0',
  CONNECTS_PER_SECOND_PER_ADDRESS: '0',
  MAX_UNAUTHENTICATED_PER_ADDRESS: '0',
  NEW_GROUPS_PER_MINUTE: '1000000',
  MAX_USERS_PER_ADD: '1000',
};

/**
 * This repository. A message is acknowledged once it is stored. By default every gateway is a process with an address
 * of its own, as in production: with a shared port, the CPU of its supervisor would be measured too, and the spread of
 * the clients would differ from run to run.
 */
export async function startOurs(options: OurOptions, undo: AsyncDisposableStack): Promise<RunningOurs> {
  const { gateways: count = 2, workers = 1, lanes = 4, onePort = false, version = repository } = options;
  const log = (line: string) => (/ended unexpectedly/.test(line) ? options.onUnexpectedExit(line) : options.log(line));
  const dataDir = undo.use(temporaryFolder()).path;
  const env = { ...UNLIMITED, ...options.env };
  const first = { port: 0, dataDir, gatewayProcesses: onePort ? count : 1, workers, lanes, version, log };
  const cluster = await startCluster({ ...first, env: { ...env, GATEWAY_NAME: 'gateway-1' } });
  undo.defer(() => cluster.stop());
  const { databaseUrl, redisUrl, jwtSecret, processes } = cluster;
  const names = Array.from({ length: onePort ? 0 : count - 1 }, (_, i) => `gateway-${i + 2}`);
  const startGateway = async (name: string) => {
    const servers = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, JWT_SECRET: jwtSecret, LANES: String(lanes) };
    const logFile = join(dataDir, 'logs', `${name}.log`);
    const common = { env: { ...servers, ...env }, logFile, log, version: () => version };
    const service = await startChatService({ kind: 'gateway', name, ...common });
    undo.defer(() => service.stop(STOP_WITHIN_MS));
    return { ...describe({ name, pid: service.pid(), ...service.ready() }), kill: () => service.kill() };
  };
  const more = await mapConcurrently(names, count, startGateway);
  const of = (name: RegExp) => processes.filter((process) => name.test(process.name)).map(describe);
  const gateways = [...of(/^gateway/).map((gateway) => ({ ...gateway, name: 'gateway-1' })), ...more];
  const kinds = { postgres: of(/^postgres/), redis: of(/^redis/), gateways, workers: of(/^worker/) };
  const tokenOf = (user: string) => signToken(user, jwtSecret);
  const pairs = planPairs(options.pairs, gateways, tokenOf);
  await openConversations(pairs, jwtSecret);
  const idle = planUsers('idle', options.idle, gateways, tokenOf);
  if (options.groups) {
    // By a gateway of their own, so that they leave no garbage in the memory of those that are measured.
    const { url, kill } = await startGateway('gateway-of-groups');
    await createGroups({ url, jwtSecret }, idle, options.groups);
    kill();
  }
  return {
    protocol: 'socket.io',
    devicesPerMessage: 2,
    acks: true,
    conversations: pairs,
    apart: onePort && count > 1,
    idle,
    databaseUrl,
    redisUrl,
    jwtSecret,
    ...kinds,
    processes: Object.entries(kinds).flatMap(([kind, all]) =>
      all.map(({ pid }) => ({ name: kind as ProcessKind, pid })),
    ),
  };
}

function describe({ name, pid, port, adminPort }: Cluster['processes'][number]): Service {
  return { name, url: `http://127.0.0.1:${port}`, adminUrl: `http://127.0.0.1:${adminPort}`, pid };
}
