/*
 * `npm start`. The first Ctrl-C or SIGTERM stops everything in order, within 10 s. A second one kills the services.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { styleText } from 'node:util';
import { buildWeb, type Cluster, loadEnvFile, signToken, startCluster } from '@chat-cluster/local-cluster';
import { parseOptions, runCommand, UserError } from '@chat-cluster/runtime';
import { z } from 'zod';
import { type ControlServer, openControl } from './control/control-server.ts';
import { readSettings, type Settings } from './settings.ts';

const HELP = `npm start: starts Postgres, Redis, the gateways and the workers on this machine, on loopback only, with a web page.

  npm start -- --probe   also starts a prober: two synthetic users send each other a message per second, with metrics

Environment (or a file .env in the root folder; a variable that is set takes precedence):
  PORT=3000              port of HTTP and sockets; 0 uses a free one
  GATEWAY_PROCESSES=2    gateway processes that share the port
  WORKERS=1              worker processes
  LANES=4                partitions of the inbox
  DATABASE_URL           your own Postgres; without it one is started here
  REDIS_URL              your own Redis (7 or newer); without it one is started here
  JWT_SECRET             secret of the HS256 tokens; without it one is generated and kept in DATA_DIR
  ALLOWED_ORIGINS        web origins, separated by commas
  DATA_DIR=.local/data   folder of all data
  LOG_LEVEL=warn         log level of the services

Ctrl-C stops everything. Other commands: npm run demo, npm run token -- --user alice, npm test
`;

/** Signals within this time, in ms, are one key press: npm repeats a Ctrl-C that the terminal has already sent. */
const SAME_PRESS_MS = 700;
/** Time of an interrupted start to finish, in ms. */
const ABANDON_AFTER_MS = 3_000;
/** Lifetime of the tokens of the demo users, in s: 24 hours. */
const TOKEN_S = 86_400;

await runCommand(async () => {
  const options = parseOptions(process.argv.slice(2), z.object({ probe: z.boolean().default(false) }));
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const { probe } = options.values;
  loadEnvFile();
  const settings = readSettings(process.env);
  const began = performance.now();
  const interrupted = listenForInterruption();
  const starting = start(settings, probe);
  const started = await Promise.race([starting, interrupted.first.then(() => undefined)]);
  if (started) {
    showSummary(started, settings, performance.now() - began);
    await interrupted.first;
  }
  await stop(started ?? (await finishOrAbandon(starting)), interrupted);
});
// An inherited IPC channel would keep the process running.
process.exit();

interface Started {
  cluster: Cluster;
  /** Absent without a page: in production, and when the page could not be built. */
  control: ControlServer | undefined;
  closeControl(): void;
}

/** Builds the page, then starts the cluster, then the control server of its pages. */
async function start(settings: Settings, probe: boolean): Promise<Started> {
  const web = await pageFolder();
  const isLocal = web !== undefined && process.env.NODE_ENV !== 'production';
  const control = isLocal ? await openControl(logAction) : undefined;
  const env = {
    QUEUE_BOARD: process.env.QUEUE_BOARD || 'true',
    ...(web && { WEB_DIR: web }),
    ...(control && { LOCAL_CONTROL_URL: control.url, LOCAL_CONTROL_TOKEN: control.token }),
  };
  const cluster = await startCluster({ ...settings, env, probe, inheritLogs: true, log: warn, onStep: showStep });
  if (!control) return { cluster, control, closeControl: () => {} };
  // Imported here, because it loads the modules of a worker, which only the control server needs.
  const { openClusterApi } = await import('./control/cluster-api.ts');
  const clusterApi = await openClusterApi(cluster, settings.lanes);
  control.serve(cluster, { clusterApi: clusterApi.handle });
  const closeControl = () => {
    control.close();
    // Its connections end with this process at the latest.
    void clusterApi.close().catch(() => {});
  };
  return { cluster, control, closeControl };
}

/** The folder of the built page; undefined, after a warning, when it could not be built. */
async function pageFolder(): Promise<string | undefined> {
  if (process.env.WEB_DIR) return process.env.WEB_DIR;
  const began = performance.now();
  try {
    const folder = await buildWeb({ log: print });
    showStep({ name: 'Web page', ms: performance.now() - began });
    return folder;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    warn(`${error.message}\n  The cluster starts without its web page.`);
    return undefined;
  }
}

interface Interruption {
  /** Resolves at the first request to stop, by the user or by the parent process. */
  first: Promise<void>;
  /** Called for each further request. */
  again: () => void;
}

function listenForInterruption(): Interruption {
  let since: number | undefined;
  let resolve = () => {};
  const interrupted: Interruption = {
    first: new Promise((done) => {
      resolve = done;
    }),
    again: () => {},
  };
  const request = () => {
    since ??= performance.now();
    resolve();
    if (performance.now() - since > SAME_PRESS_MS) interrupted.again();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, request);
  if (process.connected) process.on('disconnect', request);
  return interrupted;
}

/** After an interruption: a start that finishes soon is stopped in order, a longer one (a download) is abandoned. */
async function finishOrAbandon(starting: Promise<Started>): Promise<Started> {
  const started = await Promise.race([starting, pause(ABANDON_AFTER_MS)]);
  if (started) return started;
  // Running processes end with this one: services by their closed channel, databases by their death signal.
  print(`\n${styleText('yellow', '!')} Stopped before the cluster was up`);
  process.exit(1);
}

async function stop({ cluster, closeControl }: Started, interrupted: Interruption): Promise<void> {
  const began = performance.now();
  // Paused processes continue, so that they can stop in order.
  closeControl();
  print(`\n${styleText('dim', 'Stopping … (Ctrl-C again kills the services)')}`);
  interrupted.again = () => cluster.hurry();
  await cluster.stop();
  print(`${styleText('green', '✔')} Stopped ${styleText('dim', `(${seconds(performance.now() - began)})`)}`);
}

function showStep({ name, ms }: { name: string; ms: number }): void {
  print(`${styleText('green', '✔')} ${name} ready ${styleText('dim', `(${seconds(ms)})`)}`);
}

function showSummary({ cluster, control }: Started, settings: Settings, ms: number): void {
  const services = cluster.processes.filter(({ adminPort }) => adminPort !== undefined);
  const row = (label: string, value: string) => print(`  ${styleText('dim', label.padEnd(10))} ${value}`);
  print(`\n${styleText('bold', 'The chat cluster is up')} ${styleText('dim', `after ${seconds(ms)}`)}\n`);
  row('Open', styleText('cyan', cluster.url));
  if (control) row('Cluster', styleText('cyan', `${cluster.url}/cluster`));
  row('API docs', styleText('cyan', `${cluster.url}/api/docs`));
  row('Gateways', cluster.gateways.join(', '));
  row('Workers', services.flatMap(({ name }) => (name.startsWith('worker') ? [name] : [])).join(', '));
  for (const { name, adminPort } of services)
    row('Metrics', `${styleText('cyan', `http://127.0.0.1:${adminPort}/metrics`)} of ${name}`);
  const [worker] = services.filter(({ name }) => name.startsWith('worker'));
  row(
    'Queues',
    `${styleText('cyan', `http://127.0.0.1:${worker?.adminPort}/queues`)} (Bull Board; disable with QUEUE_BOARD=false)`,
  );
  row('Postgres', cluster.data.postgres);
  row('Redis', cluster.data.redis);
  row('Data', settings.dataDir);
  print(`\n  Tokens of two demo users, valid for 24 hours:`);
  for (const user of ['alice', 'bob']) row(user, signToken(user, cluster.jwtSecret, TOKEN_S, process.env));
  print(
    `\n  Try ${styleText('bold', 'npm run demo')} in another terminal. ${styleText('bold', 'Ctrl-C')} stops everything.\n`,
  );
}

function logAction(line: string): void {
  print(`${styleText('dim', new Date().toLocaleTimeString('en-GB'))} control: ${line}`);
}

function warn(line: string): void {
  process.stderr.write(`${styleText('yellow', '!', { stream: process.stderr })} ${line}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
