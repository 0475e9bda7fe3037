/*
 * Proves ../../compose.yaml with a container engine: builds the image, starts the cluster, and then scales it, kills a worker
 * and brings in new containers as infra/README.md says, while users talk through HAProxy and every message is checked.
 *
 *   node infra/docker/src/prove-compose.ts [-f limits.yaml]
 *
 * Needs `docker compose`; takes some three minutes. Further Compose files are for what the machine does not allow. Grafana
 * is left out: nothing here asks it. A cluster that is running already is not touched. Ends with 0 when everything holds.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, repository } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';

const run = promisify(execFile);

const HEALTHY_WITHIN_MS = 120_000;
/** Messages a second while containers come and go, and users. */
const LOAD = ['--rate', '50', '--users', '60'];

interface Report {
  counts: { lostConnections: number; refused: Record<string, number> };
  verdicts: { kind: 'ok' | 'note' | 'wrong'; text: string }[];
}

const MARKS = { ok: '✔', note: ' ', wrong: '✖' };

const log = (line: string) => void process.stdout.write(`${line}\n`);

let stopping = false;
const env = {
  ...process.env,
  JWT_SECRET: randomBytes(32).toString('hex'),
  PORT: String(await freePort()),
  PROMETHEUS_PORT: String(await freePort()),
};
const files = ['-f', join(repository, 'infra/compose.yaml'), ...process.argv.slice(2)];
await docker('compose', 'version').catch(() => {
  throw new UserError('This needs a container engine: `docker compose version` must work.');
});
const folder = mkdtempSync(join(tmpdir(), 'chat-compose-'));
process.once('SIGINT', () => {
  stopping = true;
  log('Taking everything down …');
});
try {
  await prove();
  log('✔ everything holds');
} finally {
  stopping = false;
  await compose('--profile', 'probe', 'down', '--volumes', '--timeout', '5');
  rmSync(folder, { recursive: true, force: true });
}

async function prove(): Promise<void> {
  log('Building the image and starting 3 gateways, 2 workers and a prober …');
  await compose('build', 'gateway');
  await compose('--profile', 'probe', 'up', '--detach', 'haproxy', 'worker', 'prober', 'prometheus');
  await untilHealthy('gateway', 3);
  await untilHealthy('worker', 2);
  await untilHealthy('prober', 1);
  log('✔ all of them are healthy');

  await using load = startLoad();
  await load.goOn(5);
  await up('gateway', 5);
  await up('gateway', 2);
  log('✔ gateways scaled from 3 to 5, then to 2');
  await replace('gateway', 2);
  log('✔ new gateways took the place of the old ones, which ended in good order');
  await replace('worker', 2);
  log('✔ new workers too');
  const [worker = ''] = await containers('worker');
  await docker('kill', worker);
  await load.goOn(5);
  await docker('start', worker);
  await untilHealthy('worker', 2);
  log('✔ a worker was killed and started again');
  await untilScraped(2 + 2 + 1);
  log('✔ Prometheus scrapes every gateway, worker and prober');

  const { counts, verdicts } = await load.stop();
  for (const { kind, text } of verdicts) log(`${MARKS[kind]} ${text}`);
  log(`  ${counts.lostConnections} connections moved or were lost; refused: ${JSON.stringify(counts.refused)}`);
  if (verdicts.some(({ kind }) => kind === 'wrong')) throw new Error('the load found something wrong');
  if (counts.lostConnections === 0) throw new Error('no connection was moved: nothing was proven');
}

/** As infra/README.md brings in a new version: new containers beside the old ones, then those go. */
async function replace(service: string, count: number): Promise<void> {
  const old = await containers(service);
  await up(service, old.length + count);
  await docker('stop', ...old);
  const codes = (await docker('inspect', '--format', '{{.State.ExitCode}}', ...old)).split('\n');
  if (codes.some((code) => code !== '0')) throw new Error(`${service}s ended with ${codes.join(', ')}`);
  await docker('rm', ...old);
  await up(service, count);
}

async function up(service: string, count: number): Promise<void> {
  await compose('up', '--detach', '--no-deps', '--no-recreate', '--scale', `${service}=${count}`, service);
  await untilHealthy(service, count);
}

async function untilHealthy(service: string, count: number): Promise<void> {
  await eventually(async () => {
    const ids = await containers(service);
    const states = await docker('inspect', '--format', '{{.State.Health.Status}}', ...ids);
    const healthy = states.split('\n').filter((state) => state === 'healthy').length;
    if (healthy !== count) throw new Error(`${healthy} of ${count} are healthy: ${service}`);
  }, HEALTHY_WITHIN_MS);
}

async function untilScraped(count: number): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${env.PROMETHEUS_PORT}/api/v1/query?query=up{job=~"chat-.*"}==1`);
    const { data } = (await response.json()) as { data: { result: unknown[] } };
    if (data.result.length !== count) throw new Error(`Prometheus scrapes ${data.result.length} of ${count}`);
  }, HEALTHY_WITHIN_MS);
}

/** Users who talk until `stop`, which resolves with what was seen. */
function startLoad() {
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
    /** A span of talk between two events, of so many seconds; it waits for nothing. */
    goOn: (seconds: number) => new Promise<void>((done) => setTimeout(done, seconds * 1_000)),
    async stop(): Promise<Report> {
      await end();
      return JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
    },
    [Symbol.asyncDispose]: end,
  };
}

async function containers(service: string): Promise<string[]> {
  return (await compose('ps', '--all', '--quiet', service)).split('\n').filter((id) => id !== '');
}

function compose(...args: string[]): Promise<string> {
  return docker('compose', '--project-name', 'chat-proof', ...files, ...args);
}

/** Resolves with what it printed; rejects with what it complained of. */
async function docker(...args: string[]): Promise<string> {
  if (stopping) throw new UserError('Stopped by Ctrl-C.');
  const { stdout } = await run('docker', args, { env, maxBuffer: 16 * 1024 * 1024 });
  return stdout.trim();
}
