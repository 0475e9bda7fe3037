import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig as loadGateway } from '@chat-cluster/gateway/config';
import { findRedis, freePort, repository, spawnServer, toolsFolder } from '@chat-cluster/local-cluster';
import { loadConfig as loadProber } from '@chat-cluster/prober/config';
import { redisServers } from '@chat-cluster/runtime';
import { askRedis, eventually } from '@chat-cluster/testkit';
import { loadConfig as loadWorker } from '@chat-cluster/worker/config';
import { expect } from 'chai';
import { parse } from 'yaml';

interface Service {
  image?: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: string[] | Record<string, unknown>;
  stop_grace_period?: string;
  deploy?: { replicas: number };
}

const INFRA = join(repository, 'infra');
const text = readFileSync(join(INFRA, 'compose.yaml'), 'utf8');
const { services, volumes } = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};

/** Environment of a service, with defaults filled in as Compose does; variables without one get 32 characters. */
function environmentOf(name: string): NodeJS.ProcessEnv {
  const filled = Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [
    key,
    value.replace(/\$\{\w+:([-?])([^}]*)\}/g, (_, operator, fallback) =>
      operator === '-' ? fallback : 'a secret of thirty-two characters',
    ),
  ]);
  // The image sets NODE_ENV.
  return { NODE_ENV: 'production', ...Object.fromEntries(filled) };
}

describe('compose.yaml', () => {
  const gateway = loadGateway(environmentOf('gateway'));
  const worker = loadWorker(environmentOf('worker'));
  const prober = loadProber(environmentOf('prober'));

  it('gives gateways and workers only settings that they read, and servers that it starts', () => {
    for (const [name, config] of [
      ['gateway', gateway],
      ['worker', worker],
    ] as const) {
      expect(Object.keys(config), name).to.include.members(Object.keys(services[name]?.environment ?? {}));
      const hosts = Object.values(redisServers(config)).flat().concat(config.DATABASE_URL);
      for (const url of hosts) expect(services, url).to.have.property(new URL(url).hostname);
    }
    expect(redisServers(gateway)).to.deep.equal(redisServers(worker));
    expect(gateway.LANES).to.equal(worker.LANES);
  });

  it('gives the prober only settings that it reads, and an entry that it starts', () => {
    expect(Object.keys(prober)).to.include.members(Object.keys(services.prober?.environment ?? {}));
    for (const url of prober.PROBE_ENTRY) expect(services).to.have.property(new URL(url).hostname);
  });

  it('refers only to services, files and volumes that exist', () => {
    for (const [name, { command = [], volumes: mounts = [], depends_on: after = [] }] of Object.entries(services)) {
      const needed = Array.isArray(after) ? after : Object.keys(after);
      if (needed.length > 0) expect(services, name).to.include.keys(needed);
      for (const file of command.filter((word) => word.endsWith('.ts'))) {
        expect(existsSync(join(repository, file)), file).to.equal(true);
      }
      for (const mount of mounts) {
        const [source = ''] = mount.split(':');
        if (source.startsWith('.')) expect(existsSync(join(INFRA, source)), mount).to.equal(true);
        else expect(volumes, name).to.have.property(source);
      }
    }
  });

  it('points HAProxy at the gateways, and Prometheus at gateways, workers and the prober', () => {
    expect(services.haproxy?.environment?.GATEWAYS).to.equal(`gateway:${gateway.PORT}`);
    const scrapes = readFileSync(join(INFRA, 'prometheus/prometheus.yaml'), 'utf8');
    for (const [name, { ADMIN_PORT: port }] of [
      ['gateway', gateway],
      ['worker', worker],
      ['prober', prober],
    ] as const) {
      expect(scrapes).to.match(new RegExp(`names: \\[${name}\\]\\n +type: A\\n +port: ${port}\\n`));
    }
  });

  it('gives a container more time to stop than a drain and a shutdown take', () => {
    const seconds = (name: string) => Number.parseInt(services[name]?.stop_grace_period ?? '10', 10);
    const drain = gateway.DRAIN_DELAY_MS + gateway.DRAIN_WINDOW_MS + gateway.SHUTDOWN_TIMEOUT_MS;
    expect(seconds('gateway') * 1_000).to.be.above(drain);
    expect(seconds('worker') * 1_000).to.be.above(worker.SHUTDOWN_TIMEOUT_MS);
  });

  it('has enough Postgres connections for 30 gateways', () => {
    const maxConnections = Number(/max_connections=(\d+)/.exec(services.postgres?.command?.join(' ') ?? '')?.[1]);
    const workers = (services.worker?.deploy?.replicas ?? 0) * worker.PG_POOL_SIZE;
    expect(30 * gateway.PG_POOL_SIZE + workers).to.be.below(maxConnections);
  });

  const REDIS = {
    'redis-lanes': { policy: 'noeviction', appends: true },
    'redis-live': { policy: 'allkeys-lru', appends: false },
  };
  for (const [name, { policy, appends }] of Object.entries(REDIS)) {
    it(`starts ${name} with ${policy}, ${appends ? 'an' : 'no'} append-only file, and options that Redis accepts`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'chat-compose-'));
      const { program, env } = await findRedis(toolsFolder, () => {});
      const port = await freePort();
      const [, ...options] = services[name]?.command ?? [];
      const server = await spawnServer({
        command: [program, ...options, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
        cwd: folder,
        env: { PATH: process.env.PATH, ...env },
        logFile: join(folder, 'redis.log'),
        deathSignal: 'TERM',
      });
      try {
        const url = `redis://127.0.0.1:${port}`;
        await eventually(async () => expect(await askRedis(url, 'PING')).to.equal('PONG'));
        const info = await askRedis(url, 'INFO');
        expect(info).to.include(`maxmemory_policy:${policy}\r\n`);
        expect(info).to.include(`aof_enabled:${Number(appends)}\r\n`);
      } finally {
        await server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});
