import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { freePort, spawnServer } from '@chat-cluster/local-cluster';
import { eventually } from '@chat-cluster/testkit';
import { findPrometheus, INFRA } from './prometheus-program.ts';

/** A real Prometheus with the configuration and the rules of this repository. */
export interface RunningPrometheus extends AsyncDisposable {
  /** Requests `/api/v1/<path>` and resolves with `data` of the response; rejects with its error. */
  get<T>(path: string): Promise<T>;
  /** Resolves with the names of the alerts that fire, as of at most CACHED_MS ago. */
  firing(): Promise<Set<string>>;
}

/** Admin ports, by the kind of process. */
export interface Ports {
  gateways: readonly number[];
  workers: readonly number[];
  probers: readonly number[];
}

/** Many tests wait for alerts at the same time, and alerts change only when rules are evaluated, every 500 ms. */
const CACHED_MS = 200;

/**
 * Starts a Prometheus that scrapes these ports of loopback. Only times differ from production, so that a test does not
 * wait for minutes: it scrapes and evaluates every half second, windows are a thirtieth as long (two minutes are 4 s),
 * and `for` is one second. Thresholds are unchanged: "20 per second" means 20 in a second here, too.
 */
export async function startPrometheus(ports: Ports): Promise<RunningPrometheus> {
  const { program, env } = await findPrometheus();
  const folder = await mkdtemp(join(tmpdir(), 'chat-prometheus-'));
  await writeConfiguration(folder, ports);
  const port = await freePort();
  const server = await spawnServer({
    command: [
      program,
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    logFile: join(folder, 'output.log'),
    deathSignal: 'TERM',
  });
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, { signal: AbortSignal.timeout(5_000) });
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  const stop = async () => {
    await server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(() => get('status/buildinfo'));
  } catch {
    const log = server.logTail();
    await stop();
    throw new Error(`Prometheus did not start: ${log}`);
  }
  let cached: Promise<Set<string>> | undefined;
  let cachedAt = 0;
  return {
    get,
    firing() {
      if (cached === undefined || performance.now() - cachedAt > CACHED_MS) {
        cachedAt = performance.now();
        cached = get<{ alerts: Alert[] }>('alerts').then(firingOf);
      }
      return cached;
    },
    [Symbol.asyncDispose]: stop,
  };
}

interface Alert {
  state: string;
  labels: { alertname: string };
}

function firingOf({ alerts }: { alerts: Alert[] }): Set<string> {
  return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
}

async function writeConfiguration(folder: string, ports: Ports): Promise<void> {
  const original = join(INFRA, 'prometheus');
  await mkdir(join(folder, 'rules'));
  for (const file of globSync(join(original, 'rules/*.yaml'))) {
    await writeFile(join(folder, 'rules', basename(file)), accelerated(readFileSync(file, 'utf8')));
  }
  const config = accelerated(readFileSync(join(original, 'prometheus.yaml'), 'utf8'));
  await writeFile(join(folder, 'prometheus.yaml'), withTargets(ports, config));
}

/** Seconds in a thirtieth of a minute, an hour and a day. */
const SECONDS: Record<string, number> = { m: 2, h: 120, d: 2_880 };

function accelerated(yaml: string): string {
  return yaml
    .replace(/\[(\d+)([mhd])\]/g, (_, count: string, unit: string) => `[${Number(count) * (SECONDS[unit] ?? 0)}s]`)
    .replace(/^( +for): .*$/gm, '$1: 1s')
    .replace(/^( *(?:scrape_interval|scrape_timeout|evaluation_interval|interval)): .*$/gm, '$1: 500ms');
}

/** Replaces the DNS names by ports, and leaves out the job that scrapes Prometheus itself. */
function withTargets({ gateways, workers, probers }: Ports, config: string): string {
  const targets = (ports: readonly number[]) =>
    `static_configs: [{ targets: [${ports.map((port) => `'127.0.0.1:${port}'`).join(', ')}] }]`;
  const replacements = [targets(gateways), targets(workers), targets(probers)];
  const replaced = config.replace(/dns_sd_configs:\n(?: {6,}.*\n)+/g, () => `${replacements.shift() ?? ''}\n`);
  if (replacements.length > 0) throw new Error('prometheus.yaml does not look up gateways, workers and probers by DNS');
  return replaced.slice(0, replaced.indexOf('  - job_name: prometheus'));
}
