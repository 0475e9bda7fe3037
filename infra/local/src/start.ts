/*
 * `npm start`. The first Ctrl-C or SIGTERM stops everything in order, within 10 s. A second one kills the services.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { styleText } from 'node:util';
import { type Cluster, loadEnvFile, signToken, startCluster } from '@chat-cluster/local-cluster';
import { parseOptions, runCommand } from '@chat-cluster/runtime';
import { z } from 'zod';
import { readSettings, type Settings } from './settings.ts';

const HELP = `npm start: starts Postgres, Redis, the gateways and the workers on this machine, on loopback only.

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
  const env = { QUEUE_BOARD: process.env.QUEUE_BOARD || 'true' };
  const starting = startCluster({ ...settings, env, probe, inheritLogs: true, log: warn, onStep: showStep });
  const cluster = await Promise.race([starting, interrupted.first.then(() => undefined)]);
  if (cluster) {
    showSummary(cluster, settings, performance.now() - began);
    await interrupted.first;
  }
  await stop(cluster ?? (await finishOrAbandon(starting)), interrupted);
});
// An inherited IPC channel would keep the process running.
process.exit();

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
async function finishOrAbandon(starting: Promise<Cluster>): Promise<Cluster> {
  const cluster = await Promise.race([starting, pause(ABANDON_AFTER_MS)]);
  if (cluster) return cluster;
  // Running processes end with this one: services by their closed channel, databases by their death signal.
  print(`\n${styleText('yellow', '!')} Stopped before the cluster was up`);
  process.exit(1);
}

async function stop(cluster: Cluster, interrupted: Interruption): Promise<void> {
  const began = performance.now();
  print(`\n${styleText('dim', 'Stopping … (Ctrl-C again kills the services)')}`);
  interrupted.again = () => cluster.hurry();
  await cluster.stop();
  print(`${styleText('green', '✔')} Stopped ${styleText('dim', `(${seconds(performance.now() - began)})`)}`);
}

function showStep({ name, ms }: { name: string; ms: number }): void {
  print(`${styleText('green', '✔')} ${name} ready ${styleText('dim', `(${seconds(ms)})`)}`);
}

function showSummary(cluster: Cluster, settings: Settings, ms: number): void {
  const services = cluster.processes.filter(({ adminPort }) => adminPort !== undefined);
  const row = (label: string, value: string) => print(`  ${styleText('dim', label.padEnd(10))} ${value}`);
  print(`\n${styleText('bold', 'The chat cluster is up')} ${styleText('dim', `after ${seconds(ms)}`)}\n`);
  row('Open', styleText('cyan', cluster.url));
  row('API docs', styleText('cyan', `${cluster.url}/api/docs`));
  row('Gateways', cluster.gateways.join(', '));
  row('Workers', services.flatMap(({ name }) => (name.startsWith('worker') ? [name] : [])).join(', '));
  for (const { name, adminPort } of services)
    row('Metrics', `${styleText('cyan', `http://127.0.0.1:${adminPort}/metrics`)} of ${name}`);
  const [worker] = services.filter(({ name }) => name.startsWith('worker'));
  row('Lanes', styleText('cyan', `http://127.0.0.1:${worker?.adminPort}/lanes`));
  row(
    'Queues',
    `${styleText('cyan', `http://127.0.0.1:${worker?.adminPort}/queues`)} (Bull Board; disable with QUEUE_BOARD=false)`,
  );
  row('Postgres', cluster.data.postgres);
  row('Redis', cluster.data.redis);
  row('Data', settings.dataDir);
  print(`\n  Tokens of two demo users, valid for 24 hours:`);
  for (const user of ['alice', 'bob']) row(user, signToken(user, cluster.jwtSecret));
  print(
    `\n  Try ${styleText('bold', 'npm run demo')} in another terminal. ${styleText('bold', 'Ctrl-C')} stops everything.\n`,
  );
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
