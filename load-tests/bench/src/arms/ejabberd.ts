import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type ServerProcess, spawnServer, until } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import { queryPostgres, temporaryFolder } from '@chat-cluster/testkit';
import jwt from 'jsonwebtoken';
import type { Device } from '../traffic/connection.ts';
import { connectXmpp, XMPP_DOMAIN } from '../traffic/xmpp-connection.ts';
import type { ArmOptions, RunningArm } from './arm.ts';
import { type EjabberdProgram, findEjabberd } from './ejabberd-program.ts';
import { startDatabase } from './stock.ts';
import { planPairs, planUsers } from './users.ts';

const START_WITHIN_MS = 30_000;
/** Connections to Postgres: as many as the two gateways of inline have together. */
const POOL = 20;

/**
 * One ejabberd with all of its schedulers: XMPP over WebSocket, JWT, stream management, and its archive (XEP-0313) in
 * Postgres, which stores each message for both sides. The receiver's device gets the message; the sender's gets an ack,
 * which does not prove storage.
 */
export async function startEjabberd(options: ArmOptions, undo: AsyncDisposableStack): Promise<RunningArm> {
  const { pairs: count, idle, log, onUnexpectedExit } = options;
  const program = await findEjabberd(log);
  const dataDir = undo.use(temporaryFolder()).path;
  const postgres = await startDatabase(dataDir, onUnexpectedExit, undo);
  await queryPostgres(postgres.url, readFileSync(program.schema, 'utf8'));
  const home = join(dataDir, 'ejabberd');
  const secret = randomBytes(32);
  const port = await freePort();
  writeHome(home, port, secret, new URL(postgres.url));
  const server = await launch(program, home);
  undo.defer(() => server.end([{ signal: 'SIGTERM', withinMs: 5_000 }]));
  const gateways = [{ url: `ws://127.0.0.1:${port}/ws` }];
  const tokenOf = (user: string) =>
    jwt.sign({ jid: `${user}@${XMPP_DOMAIN}` }, secret, { algorithm: 'HS256', expiresIn: '1h' });
  const [first] = planUsers('first', 1, gateways, tokenOf) as [Device];
  await untilReady(first, server);
  let stopping = false;
  undo.defer(() => {
    stopping = true;
  });
  void server.exited.then((how) => {
    if (!stopping) onUnexpectedExit(`ejabberd ended unexpectedly (${how}).`);
  });
  return {
    protocol: 'xmpp',
    devicesPerMessage: 1,
    acks: true,
    conversations: planPairs(count, gateways, tokenOf),
    idle: planUsers('idle', idle, gateways, tokenOf),
    databaseUrl: postgres.url,
    processes: [
      { name: 'postgres', pid: postgres.pid },
      { name: 'ejabberd', pid: server.pid },
    ],
  };
}

function writeHome(home: string, port: number, secret: Buffer, postgres: URL): void {
  mkdirSync(home);
  const key = { kty: 'oct', alg: 'HS256', k: secret.toString('base64url') };
  writeFileSync(join(home, 'key.json'), JSON.stringify(key), { mode: 0o600 });
  writeFileSync(join(home, 'ejabberd.yml'), configuration(port, home, postgres), { mode: 0o600 });
}

/** Without a node name, so that it needs no port mapper of Erlang. */
function launch({ program, env }: EjabberdProgram, home: string): Promise<ServerProcess> {
  return spawnServer({
    command: [program, '+K', 'true', '-noinput', '-mnesia', 'dir', `"${home}/mnesia"`, '-s', 'ejabberd'],
    cwd: home,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      LC_ALL: 'C.UTF-8',
      ...env,
      EJABBERD_CONFIG_PATH: join(home, 'ejabberd.yml'),
      EJABBERD_LOG_PATH: join(home, 'ejabberd.log'),
      ERL_CRASH_DUMP_SECONDS: '0',
    },
    logFile: join(home, 'output.log'),
    deathSignal: 'TERM',
  });
}

/**
 * A backlog of 1,000, because with the default of 5 most of 50 connects at the same time wait for seconds. No prepared
 * statements, because with them Nagle's algorithm delays each message on the connection to Postgres by 45 ms.
 */
function configuration(port: number, home: string, postgres: URL): string {
  return `hosts: [${XMPP_DOMAIN}]
loglevel: warning
listen:
  - port: ${port}
    ip: 127.0.0.1
    module: ejabberd_http
    backlog: 1000
    request_handlers:
      /ws: ejabberd_http_ws
auth_method: [jwt]
jwt_key: ${JSON.stringify(join(home, 'key.json'))}
sql_type: pgsql
sql_server: ${postgres.hostname}
sql_port: ${postgres.port}
sql_database: ${postgres.pathname.slice(1)}
sql_username: ${postgres.username}
sql_password: ${postgres.password}
sql_pool_size: ${POOL}
sql_prepared_statements: false
modules:
  mod_mam:
    default: always
    db_type: sql
  mod_stream_mgmt: {}
`;
}

/** Until a first device can log in. */
async function untilReady(device: Device, server: ServerProcess): Promise<void> {
  const ready = await until(
    async () => {
      if (server.ended()) throw new UserError(`ejabberd did not start: ${server.logTail()}`);
      const connection = await connectXmpp(device, { message() {}, closed() {} }).catch(() => undefined);
      connection?.close();
      return connection && true;
    },
    { withinMs: START_WITHIN_MS, everyMs: 100 },
  );
  if (!ready) throw new UserError(`ejabberd was not ready within ${START_WITHIN_MS / 1_000} s: ${server.logTail()}`);
}
