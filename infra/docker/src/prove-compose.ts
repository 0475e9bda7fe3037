/*
 * Proves ../../compose.yaml with a container engine: builds the image and starts the cluster. While a load test through
 * HAProxy checks each message, it scales the cluster, replaces its gateways and workers as infra/README.md describes,
 * and kills a worker.
 *
 *   node infra/docker/src/prove-compose.ts [-f limits.yaml]
 *
 * Needs `docker compose`; takes some three minutes. Further Compose files can adapt limits to the machine. Grafana is
 * left out, because no check uses it. Leaves a running cluster alone. Exit code 0 when all checks pass.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseEnv, promisify } from 'node:util';
import { freePort, repository } from '@chat-cluster/local-cluster';
import { runCommand, UserError } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';

const run = promisify(execFile);

const HEALTHY_WITHIN_MS = 120_000;
/** Load during all changes: messages per second, and users. */
const LOAD = ['--rate', '50', '--users', '60'];
/** Load without a change, at the start and while a worker is missing. */
const UNDISTURBED_MS = 5_000;

/** The part of the load test's report.json that is used here. */
interface Report {
  counts: { lostConnections: number; refused: Record<string, number> };
  verdicts: { kind: 'ok' | 'note' | 'wrong'; text: string }[];
}

const MARKS = { ok: '✔', note: ' ', wrong: '✖' };

const log = (line: string) => void process.stdout.write(`${line}\n`);

let stopping = false;
const env: NodeJS.ProcessEnv = {
  ...process.env,
  PORT: String(await freePort()),
  PROMETHEUS_PORT: String(await freePort()),
};
const files = ['-f', join(repository, 'infra/compose.yaml'), ...process.argv.slice(2)];

await runCommand(async () => {
  await docker('compose', 'version').catch(() => {
    throw new UserError('This needs a container engine: `docker compose version` must work.');
  });
  const folder = mkdtempSync(join(tmpdir(), 'chat-compose-'));
  process.once('SIGINT', () => {
    stopping = true;
    log('Stopping all containers …');
  });
  try {
    await run('sh', [join(repository, 'infra/docker/create-secrets.sh'), folder]);
    Object.assign(env, parseEnv(readFileSync(join(folder, '.env'), 'utf8')), { SECRETS: join(folder, 'secrets') });
    await proveCompose(folder);
    log('✔ all checks passed');
  } finally {
    stopping = false;
    await compose('--profile', 'probe', 'down', '--volumes', '--timeout', '5');
    rmSync(folder, { recursive: true, force: true });
  }
});

/** `folder`: for the report of the load test, and with the secrets. */
async function proveCompose(folder: string): Promise<void> {
  log('Building the image and starting 3 gateways, 2 workers and a prober …');
  await compose('build', 'gateway', 'web');
  await compose('--profile', 'probe', 'up', '--detach', 'haproxy', 'worker', 'prober', 'prometheus');
  await untilHealthy('gateway', 3);
  await untilHealthy('worker', 2);
  await untilHealthy('prober', 1);
  log('✔ all of them are healthy');

  await using load = startLoad(folder);
  await delay(UNDISTURBED_MS);
  await scale('gateway', 5);
  await scale('gateway', 2);
  log('✔ gateways scaled from 3 to 5, then to 2');
  await replace('gateway', 2);
  log('✔ gateways replaced by new ones; the old ones ended with exit code 0');
  await replace('worker', 2);
  log('✔ workers replaced, too');
  const [worker = ''] = await containers('worker');
  await docker('kill', worker);
  await delay(UNDISTURBED_MS);
  await docker('start', worker);
  await untilHealthy('worker', 2);
  log('✔ a worker was killed and started again');
  await untilScraped(2 + 2 + 1);
  log('✔ Prometheus scrapes every gateway, worker and prober');

  const { counts, verdicts } = await load.stop();
  for (const { kind, text } of verdicts) log(`${MARKS[kind]} ${text}`);
  log(`  ${counts.lostConnections} connections moved or lost; refused: ${JSON.stringify(counts.refused)}`);
  if (verdicts.some(({ kind }) => kind === 'wrong')) throw new Error('the load test found an error');
  if (counts.lostConnections === 0) throw new Error('no connection was moved, so nothing was proven');
}

/** Starts new containers beside the old ones, then stops the old ones: the upgrade of infra/README.md. */
async function replace(service: string, count: number): Promise<void> {
  const old = await containers(service);
  await scale(service, old.length + count);
  await docker('stop', ...old);
  const codes = (await docker('inspect', '--format', '{{.State.ExitCode}}', ...old)).split('\n');
  if (codes.some((code) => code !== '0')) throw new Error(`${service}s ended with ${codes.join(', ')}`);
  await docker('rm', ...old);
  await scale(service, count);
}

async function scale(service: string, count: number): Promise<void> {
  await compose('up', '--detach', '--no-deps', '--no-recreate', '--scale', `${service}=${count}`, service);
  await untilHealthy(service, count);
}

async function untilHealthy(service: string, count: number): Promise<void> {
  await eventually(async () => {
    const ids = await containers(service);
    const states = await docker('inspect', '--format', '{{.State.Health.Status}}', ...ids);
    const healthy = states.split('\n').filter((state) => state === 'healthy').length;
    if (healthy !== count) throw new Error(`${service}: ${healthy} of ${count} are healthy`);
  }, HEALTHY_WITHIN_MS);
}

async function untilScraped(count: number): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${env.PROMETHEUS_PORT}/api/v1/query?query=up{job=~"chat-.*"}==1`);
    const { data } = (await response.json()) as { data: { result: unknown[] } };
    if (data.result.length !== count) throw new Error(`Prometheus scrapes ${data.result.length} of ${count}`);
  }, HEALTHY_WITHIN_MS);
}

/** Runs the load test until `stop`, which resolves with its report. */
function startLoad(folder: string) {
  const url = `http://127.0.0.1:${env.PORT}`;
  const main = join(repository, 'load-tests/load/src/main.ts');
  const child = spawn(process.execPath, [main, 'steady', ...LOAD, '--url', url, '--duration', '1h', '--out', folder], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  const end = async () => {
    child.kill('SIGINT');
    await ended;
  };
  return {
    async stop(): Promise<Report> {
      await end();
      return JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
    },
    [Symbol.asyncDispose]: end,
  };
}

/** Ids of the containers of a service. */
async function containers(service: string): Promise<string[]> {
  return (await compose('ps', '--all', '--quiet', service)).split('\n').filter((id) => id !== '');
}

function compose(...args: string[]): Promise<string> {
  return docker('compose', '--project-name', 'chat-proof', ...files, ...args);
}

/** Resolves with the trimmed standard output; rejects with the error output. */
async function docker(...args: string[]): Promise<string> {
  if (stopping) throw new UserError('Stopped by Ctrl-C.');
  const { stdout } = await run('docker', args, { env, maxBuffer: 16 * 1024 * 1024 });
  return stdout.trim();
}
