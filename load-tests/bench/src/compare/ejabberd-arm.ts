import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type ServerProcess, spawnServer, until } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import jwt from 'jsonwebtoken';
import type { ArmOptions, RunningArm } from './arms.ts';
import { type EjabberdProgram, findEjabberd } from './ejabberd-program.ts';
import { startDatabase } from './stock-arms.ts';
import type { Device } from './wire.ts';
import { connectXmpp, XMPP_DOMAIN } from './xmpp-connection.ts';

const START_WITHIN_MS = 30_000;
/** Connections to Postgres: as many as the two gateways of inline have together. */
const POOL = 20;

/**
 * (e) One ejabberd with all of its schedulers: XMPP over WebSocket, JWT, stream management, and its archive (XEP-0313) in
 * Postgres, where each message is stored for both sides. The other side's device hears it; the sender's hears an ack,
 * which does not prove storage.
 */
export async function startEjabberd({ pairs: count, idle: idleCount, say, log }: ArmOptions): Promise<RunningArm> {
  const program = await findEjabberd(say);
  const undo = new AsyncDisposableStack();
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'chat-compare-'));
    undo.defer(() => rm(dataDir, { recursive: true, force: true }));
    const { postgres, client } = await startDatabase(dataDir, log, undo);
    await client.query(readFileSync(program.schema, 'utf8'));
    const home = join(dataDir, 'ejabberd');
    const secret = randomBytes(32);
    const port = await freePort();
    writeHome(home, port, secret, new URL(postgres.url));
    const server = await launch(program, home);
    undo.defer(() => server.end([{ signal: 'SIGTERM', withinMs: 5_000 }]));
    const url = `ws://127.0.0.1:${port}/ws`;
    const device = (user: string) => ({
      url,
      user,
      token: jwt.sign({ jid: `${user}@${XMPP_DOMAIN}` }, secret, { algorithm: 'HS256', expiresIn: '1h' }),
    });
    const pairs = Array.from({ length: count }, (_, i) => ({
      conversationId: '',
      devices: [device(`a${i}`), device(`b${i}`)] satisfies [Device, Device],
    }));
    const idle = Array.from({ length: idleCount }, (_, i) => device(`idle${i}`));
    await untilItAnswers(device('first'), server);
    let stopping = false;
    undo.defer(async () => {
      stopping = true;
    });
    void server.exited.then((how) => {
      if (!stopping) log(`ejabberd ended unexpectedly (${how}).`);
    });
    const parts = undo.move();
    return {
      protocol: 'xmpp',
      devicesPerMessage: 1,
      acks: true,
      pairs,
      idle,
      databaseUrl: postgres.url,
      processes: [
        { name: 'postgres', pid: postgres.pid },
        { name: 'ejabberd', pid: server.pid },
      ],
      tidy: async () => {},
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

function writeHome(home: string, port: number, secret: Buffer, postgres: URL): void {
  mkdirSync(home);
  const key = { kty: 'oct', alg: 'HS256', k: secret.toString('base64url') };
  writeFileSync(join(home, 'key.json'), JSON.stringify(key), { mode: 0o600 });
  writeFileSync(join(home, 'ejabberd.yml'), configuration(port, home, postgres), { mode: 0o600 });
}

/** Without a node name, hence without Erlang's port mapper. */
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
 * A backlog of 1,000: its own is 5, with which most of 50 connects at once wait for seconds. No prepared statements: with
 * them Nagle's algorithm holds up each message on the connection to Postgres for 45 ms.
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

/** A first device logs in. */
async function untilItAnswers(device: Device, server: ServerProcess): Promise<void> {
  const ready = await until(
    async () => {
      if (server.ended()) throw new UserError(`ejabberd did not start: ${server.logTail()}`);
      const connection = await connectXmpp(device, { message() {}, closed() {} }).catch(() => undefined);
      connection?.close();
      return connection && true;
    },
    { withinMs: START_WITHIN_MS, everyMs: 100 },
  );
  if (!ready) throw new UserError(`ejabberd let nobody in within ${START_WITHIN_MS / 1_000} s: ${server.logTail()}`);
}
