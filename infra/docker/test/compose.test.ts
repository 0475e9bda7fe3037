import { execFile } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { loadConfig as loadGateway } from '@chat-cluster/gateway/config';
import { findRedis, freePort, repository, spawnServer, toolsFolder } from '@chat-cluster/local-cluster';
import { loadConfig as loadProber, proberSettings } from '@chat-cluster/prober/config';
import { type RedisConfig, redisServers, secretWeakness } from '@chat-cluster/runtime';
import { askRedis, eventually } from '@chat-cluster/testkit';
import { loadConfig as loadWorker } from '@chat-cluster/worker/config';
import { expect } from 'chai';
import { parse } from 'yaml';
import { readDockerfile } from '../src/dockerfile.ts';

interface Service {
  image?: string;
  build?: { dockerfile: string; target?: string };
  entrypoint?: string[];
  command?: string[];
  secrets?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: string[] | Record<string, unknown>;
  stop_grace_period?: string;
  deploy?: { replicas: number };
}

const INFRA = join(repository, 'infra');
const text = readFileSync(join(INFRA, 'compose.yaml'), 'utf8');
const { services, volumes, secrets } = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  secrets: Record<string, { file: string }>;
};

/** Values of the variables that have no default, by their name: all are different. */
const created = (name: string) => createHash('sha256').update(name).digest('hex');

/** Environment of a service, with its variables filled in as Compose does. */
function environmentOf(name: string): Record<string, string> {
  const filled = Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [
    key,
    value.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, variable, operator, fallback) =>
      operator === '-' ? fallback : created(variable),
    ),
  ]);
  // The image sets NODE_ENV.
  return { NODE_ENV: 'production', ...Object.fromEntries(filled) };
}

/** The user and password of each URL of a service. */
function usersOf(name: string): string[] {
  const urls = Object.values(environmentOf(name)).filter((value) => /^(postgres|redis):/.test(value));
  return [...new Set(urls.map((url) => new URL(url)).map(({ username, password }) => `${username} ${password}`))];
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
    const serversOf = (config: RedisConfig) =>
      Object.values(redisServers(config)).map((urls) => [urls].flat().map((url) => new URL(url).host));
    expect(serversOf(gateway)).to.deep.equal(serversOf(worker));
    expect(gateway.LANES).to.equal(worker.LANES);
  });

  it('gives the prober only settings that it reads, and an entry that it starts', () => {
    expect(Object.keys(proberSettings.shape)).to.include.members(Object.keys(services.prober?.environment ?? {}));
    for (const url of prober.PROBE_ENTRY) expect(services).to.have.property(new URL(url).hostname);
  });

  it('gives each process its own user of Redis and Postgres, its own ADMIN_TOKEN, and no secret of another one', () => {
    expect(usersOf('gateway')).to.deep.equal([`chat_gateway ${created('GATEWAY_PASSWORD')}`]);
    expect(usersOf('worker')).to.deep.equal([`chat_worker ${created('WORKER_PASSWORD')}`]);
    expect(usersOf('prober')).to.deep.equal([]);
    expect(new Set([gateway, worker, prober].map(({ ADMIN_TOKEN }) => ADMIN_TOKEN)).size).to.equal(3);
    const holders = (variable: string) =>
      Object.keys(services).filter((name) => JSON.stringify(environmentOf(name)).includes(created(variable)));
    expect(holders('JWT_SECRET')).to.deep.equal(['gateway']);
    expect(holders('POSTGRES_PASSWORD')).to.deep.equal(['migrate', 'postgres']);
    expect(holders('REDIS_PASSWORD')).to.deep.equal(['redis-lanes', 'redis-live']);
    expect(holders('GATEWAY_PASSWORD')).to.deep.equal(['gateway', 'migrate', 'redis-lanes', 'redis-live']);
    expect(prober.PROBE_KEY_FILE).to.equal(`/run/secrets/${services.prober?.secrets}`);
    expect(gateway.JWT_PROBER_KEYS_FILE).to.equal(`/run/secrets/${services.gateway?.secrets}`);
  });

  it('gets every secret from create-secrets.sh, which creates them once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-secrets-'));
    const create = () => promisify(execFile)('sh', [join(INFRA, 'docker/create-secrets.sh'), folder]);
    try {
      await create();
      const values = parseEnv(readFileSync(join(folder, '.env'), 'utf8'));
      const required = [...text.matchAll(/\$\{(\w+)(?::\?[^}]*)?\}/g)].map(([, name]) => name);
      expect(Object.keys(values).sort()).to.deep.equal([...new Set(required)].sort());
      for (const value of Object.values(values)) expect(secretWeakness(value ?? '')).to.equal(undefined);
      const [privateKey, publicKey] = ['prober-key', 'prober-public-key'].map((name) =>
        createPublicKey(readFileSync(join(folder, (secrets[name]?.file ?? '').replace(/\$\{SECRETS:-(\w+)\}/, '$1')))),
      );
      expect(privateKey?.equals(publicKey as NonNullable<typeof publicKey>)).to.equal(true);
      const error = await create().catch((failure: unknown) => failure);
      expect(String(error)).to.include('already');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
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

  it('points HAProxy at the chat page, built from the stage that serves it', () => {
    const { WEB } = services.haproxy?.environment ?? {};
    const [name = '', port] = WEB?.split(':') ?? [];
    const { target, dockerfile = '' } = services[name]?.build ?? {};
    const stages = readDockerfile(readFileSync(join(repository, dockerfile), 'utf8'));
    const { instructions = [] } = stages.find((stage) => stage.name === target) ?? {};
    expect(instructions.find((instruction) => instruction.name === 'EXPOSE')?.text).to.equal(port);
    const read = readFileSync(join(INFRA, 'docker/web/start.sh'), 'utf8');
    for (const variable of Object.keys(services[name]?.environment ?? {})) expect(read).to.include(`{${variable}:-}`);
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
    it(`starts ${name} with ${policy}, ${appends ? 'an' : 'no'} append-only file, and users that may do what they need`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'chat-compose-'));
      const { program, env } = await findRedis(toolsFolder, () => {});
      const port = await freePort();
      const { entrypoint = [], command = [] } = services[name] ?? {};
      const [, ...options] = command;
      // Stands in for the entry point of the image, which starts the server under its own user.
      await writeFile(join(folder, 'docker-entrypoint.sh'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
      const [shell = '', ...script] = entrypoint.map((part) =>
        part
          .replaceAll('$$', '$')
          .replaceAll('/etc/redis/users.acl', join(INFRA, 'redis.acl'))
          .replaceAll('/tmp/users.acl', join(folder, 'users.acl')),
      );
      const server = await spawnServer({
        command: [
          shell,
          ...script,
          program,
          ...options,
          '--port',
          String(port),
          '--bind',
          '127.0.0.1',
          '--dir',
          folder,
        ],
        cwd: folder,
        env: { ...environmentOf(name), PATH: `${folder}:${process.env.PATH}`, ...env },
        logFile: join(folder, 'redis.log'),
        deathSignal: 'TERM',
      });
      try {
        const urlOf = (user: string, password: string) => `redis://${user}:${created(password)}@127.0.0.1:${port}`;
        const url = urlOf('default', 'REDIS_PASSWORD');
        await eventually(async () => expect(await askRedis(url, 'PING')).to.equal('PONG'));
        const info = await askRedis(url, 'INFO');
        expect(info).to.include(`maxmemory_policy:${policy}\r\n`);
        expect(info).to.include(`aof_enabled:${Number(appends)}\r\n`);
        for (const [user, password] of [
          ['chat_gateway', 'GATEWAY_PASSWORD'],
          ['chat_worker', 'WORKER_PASSWORD'],
        ] as const) {
          expect(await askRedis(urlOf(user, password), 'SET', 'chat:key', 'value')).to.equal('OK');
          const refused = await askRedis(urlOf(user, password), 'FLUSHALL').catch((error: Error) => error.message);
          expect(refused).to.include('NOPERM');
        }
        const stranger = await askRedis(`redis://127.0.0.1:${port}`, 'PING').catch((error: Error) => error.message);
        expect(stranger).to.include('NOAUTH');
      } finally {
        await server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});
