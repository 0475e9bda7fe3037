import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { freePort, spawnServer } from '@chat-cluster/local-cluster';
import { eventually } from '@chat-cluster/testkit';
import { findPrometheus, INFRA } from './prometheus-program.ts';

/** A real Prometheus with the configuration and the rules of this repository. */
export interface RunningPrometheus extends AsyncDisposable {
  /** `data` of an answer of its API; throws what it says is wrong. */
  ask<T>(path: string): Promise<T>;
  /** Resolves with the alerts that fire, or fired a fifth of a second ago. */
  firing(): Promise<Set<string>>;
}

/** Of the admin listeners, by what they belong to. */
export interface Ports {
  gateways: readonly number[];
  workers: readonly number[];
  probers: readonly number[];
}

/**
 * Scrapes these ports of loopback. Only time is other than in production, so that a test has no minutes to wait: it scrapes
 * and evaluates every half second, looks back a thirtieth as far (two minutes are 4 s), and an alert whose condition is to
 * last for minutes waits for a second. Thresholds are as they are: "20 a second" are 20 in a second here too.
 */
export async function startPrometheus(ports: Ports): Promise<RunningPrometheus> {
  const { program, env } = await findPrometheus();
  const folder = await mkdtemp(join(tmpdir(), 'chat-prometheus-'));
  await mkdir(join(folder, 'rules'));
  const from = join(INFRA, 'prometheus');
  for (const file of globSync(join(from, 'rules/*.yaml'))) {
    await writeFile(join(folder, 'rules', basename(file)), hurried(readFileSync(file, 'utf8')));
  }
  const config = hurried(readFileSync(join(from, 'prometheus.yaml'), 'utf8'));
  await writeFile(join(folder, 'prometheus.yaml'), pointedAt(ports, config));
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
  const ask = async <T>(path: string): Promise<T> => {
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
    await eventually(() => ask('status/buildinfo'));
  } catch {
    const said = server.logTail();
    await stop();
    throw new Error(`Prometheus did not start: ${said}`);
  }
  let answer: Promise<Set<string>> | undefined;
  let askedAt = 0;
  return {
    ask,
    firing() {
      // Many wait for alerts at the same time, and they change at evaluations only.
      if (answer === undefined || performance.now() - askedAt > SAME_ANSWER_MS) {
        askedAt = performance.now();
        answer = ask<{ alerts: Alert[] }>('alerts').then(firingOf);
      }
      return answer;
    },
    [Symbol.asyncDispose]: stop,
  };
}

interface Alert {
  state: string;
  labels: { alertname: string };
}

const SAME_ANSWER_MS = 200;

function firingOf({ alerts }: { alerts: Alert[] }): Set<string> {
  return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
}

/** Seconds of a unit of time, a thirtieth of what they are. */
const SECONDS: Record<string, number> = { m: 2, h: 120, d: 2_880 };

function hurried(yaml: string): string {
  return yaml
    .replace(/\[(\d+)([mhd])\]/g, (_, count: string, unit: string) => `[${Number(count) * (SECONDS[unit] ?? 0)}s]`)
    .replace(/^( +for): .*$/gm, '$1: 1s')
    .replace(/^( *(?:scrape_interval|scrape_timeout|evaluation_interval|interval)): .*$/gm, '$1: 500ms');
}

function pointedAt({ gateways, workers, probers }: Ports, config: string): string {
  const targets = (ports: readonly number[]) =>
    `static_configs: [{ targets: [${ports.map((port) => `'127.0.0.1:${port}'`).join(', ')}] }]`;
  let rest = [targets(gateways), targets(workers), targets(probers)];
  const pointed = config.replace(/dns_sd_configs:\n(?: {6,}.*\n)+/g, () => {
    const [next = '', ...others] = rest;
    rest = others;
    return `${next}\n`;
  });
  if (rest.length > 0) throw new Error('prometheus.yaml does not look up gateways and workers as this test expects');
  return pointed.slice(0, pointed.indexOf('  - job_name: prometheus'));
}
