/*
 * Proves the Dockerfile without a container engine: carries out its steps on bare Debian roots, then runs what came out as
 * Kubernetes would (not root, no capabilities, read-only root file system, process 1) beside a private Redis and Postgres.
 *
 *   node infra/docker/src/prove.ts
 *
 * As root, on a Debian or Ubuntu; takes a minute, and a second one the first time. Ends with 0 when everything holds.
 */
import { randomUUID } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, repository, signToken, startPostgres, startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { io } from 'socket.io-client';
import { makeRoot, registryAccess } from './base-images.ts';
import { buildImage, type Image } from './build-image.ts';
import { type Container, runContainer, startContainer } from './container.ts';

const READY_WITHIN_MS = 30_000;

const log = (line: string) => void process.stdout.write(`${line}\n`);

const work = join(repository, '.local/docker-proof');

if (process.getuid?.() !== 0) throw new UserError('Proving the Dockerfile needs root, for chroot and mounts.');

const image = await buildImage({
  dockerfile: readFileSync(join(repository, 'infra/docker/Dockerfile'), 'utf8'),
  ignore: readFileSync(join(repository, '.dockerignore'), 'utf8'),
  context: repository,
  work,
  from: (name, root) => makeRoot(name, root, log),
  env: registryAccess(),
  log,
});

const data = mkdtempSync(join(tmpdir(), 'chat-docker-'));
const redis = await startRedis({ dataDir: join(data, 'redis'), toolsDir: toolsFolder, log });
const postgres = await startPostgres({ dataDir: join(data, 'postgres'), durable: false, log });
const running: Container[] = [];
try {
  await prove(image, { DATABASE_URL: postgres.url, REDIS_URL: redis.url });
  rmSync(work, { recursive: true });
  log('✔ everything holds');
} finally {
  for (const container of running) container.kill();
  await postgres.stop();
  await redis.stop();
  rmSync(data, { recursive: true, force: true });
}

async function prove(image: Image, stores: Record<string, string>): Promise<void> {
  const inside = { ...image, readOnly: true };
  const role = (main: string, env: Record<string, string> = {}) => ({
    ...inside,
    env: { ...image.env, ...stores, ...env },
    command: [...image.entrypoint, main],
  });

  const user = await runContainer({
    ...inside,
    command: ['sh', '-c', '! touch x /var/cache/node/x 2>/dev/null && id -u'],
  });
  log(`✔ the root file system is read-only for user ${user.trim()}`);

  const migrated = await runContainer(role('packages/postgres/src/migrate.ts'));
  log(`✔ migrate: ${migrated.trim().split('\n').join(', ')}`);

  const [port, gatewayPort] = [await freePort(), await freePort()];
  const [workerPort, proberPort] = [await freePort(), await freePort()];
  const secret = randomUUID();
  const [gatewayMain = ''] = image.command;
  const gateway = await start(
    'gateway',
    gatewayPort,
    role(gatewayMain, { PORT: `${port}`, ADMIN_PORT: `${gatewayPort}`, JWT_SECRET: secret, DRAIN_DELAY_MS: '0' }),
  );
  const worker = await start(
    'worker',
    workerPort,
    role('services/worker/src/main.ts', { ADMIN_PORT: `${workerPort}`, QUEUE_BOARD: 'true' }),
  );

  const url = `http://127.0.0.1:${port}`;
  const prober = await start(
    'prober',
    proberPort,
    role('services/prober/src/main.ts', { ADMIN_PORT: `${proberPort}`, PROBE_ENTRY: url, JWT_SECRET: secret }),
  );

  for (const admin of [gatewayPort, workerPort, proberPort]) {
    await runContainer({ ...inside, env: { ...image.env, ADMIN_PORT: `${admin}` }, command: image.healthcheck });
  }
  log('✔ HEALTHCHECK finds all of them healthy');
  await talk(url, secret);
  log('✔ a message is stored and acknowledged');
  await eventually(async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${proberPort}/metrics`)).text();
    if (!/^chat_probe_delivery_seconds_count [1-9]/m.test(metrics)) throw new Error('the prober has delivered nothing');
  }, READY_WITHIN_MS);
  log('✔ a message of the prober is delivered');

  for (const [name, container] of Object.entries({ prober, gateway, worker })) {
    container.signal('SIGTERM');
    const code = await container.exited;
    if (code !== 0) throw new Error(`${name} ended with ${code} after SIGTERM:\n${container.output()}`);
    log(`✔ ${name}: SIGTERM to process 1 ends it in good order`);
  }
  await proveCache(image, role('packages/postgres/src/migrate.ts', { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }));
}

async function start(name: string, port: number, options: Parameters<typeof startContainer>[0]): Promise<Container> {
  const before = performance.now();
  const container = startContainer(options);
  running.push(container);
  const ended = container.exited.then((code) => {
    throw new Error(`${name} ended with ${code}:\n${container.output()}`);
  });
  ended.catch(() => {});
  const healthy = eventually(async () => {
    const { status } = await fetch(`http://127.0.0.1:${port}/healthz`);
    if (status !== 200) throw new Error(`${name}: /healthz says ${status}`);
  }, READY_WITHIN_MS);
  await Promise.race([healthy, ended]).catch((error: unknown) => {
    throw new Error(`${name} is not healthy (${String(error)}):\n${container.output()}`);
  });
  log(`✔ ${name}: /healthz answers ${Math.round(performance.now() - before)} ms after its start`);
  return container;
}

/** Opens a conversation and sends a message; rejects unless the ack says that it is stored. */
async function talk(url: string, secret: string): Promise<void> {
  const token = signToken('alice', secret);
  const response = await fetch(`${url}/api/conversations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ participantId: 'bob' }),
  });
  const { id: conversationId } = (await response.json()) as { id: string };
  const socket = io(url, { auth: { token }, forceNew: true });
  try {
    const ack: unknown = await socket.timeout(10_000).emitWithAck('send_message', { conversationId, content: 'Hello' });
    if (!(ack as { ok?: boolean }).ok) throw new Error(`the message was not taken: ${JSON.stringify(ack)}`);
  } finally {
    socket.disconnect();
  }
}

/** What the build compiled is read, and nothing is compiled again. */
async function proveCache(image: Image, options: Parameters<typeof startContainer>[0]): Promise<void> {
  const files = globSync('var/cache/node/*/*', { cwd: image.root }).length;
  const told = await runContainer(options);
  const found = told.match(/reading cache from .*success/g)?.length ?? 0;
  if (files === 0 || found === 0)
    throw new Error(`${found} of ${files} files of the compile cache were read:\n${told.slice(0, 2_000)}`);
  log(`✔ the compile cache has ${files} files; migrate takes ${found} of them`);
}
