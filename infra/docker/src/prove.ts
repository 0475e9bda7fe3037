/*
 * Proves the Dockerfile without a container engine: builds the image on bare Debian roots, then runs its processes as
 * Kubernetes would (not root, no capabilities, read-only root, process 1) beside a private Redis and Postgres.
 *
 *   node infra/docker/src/prove.ts
 *
 * Needs root, and Debian or Ubuntu. Takes less than a minute, the first time two. Exit code 0 when all checks pass.
 */
import { randomUUID } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, repository, startPostgres, startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { runCommand, UserError } from '@chat-cluster/runtime';
import { connect, eventually, openConversation, type Target } from '@chat-cluster/testkit';
import { makeBaseImage, registryAccess } from './base-images.ts';
import { buildImage, type Image } from './build-image.ts';
import { type Container, type ContainerOptions, runContainer, startContainer } from './container.ts';

const READY_WITHIN_MS = 30_000;
const MIGRATE = 'packages/postgres/src/migrate.ts';

const log = (line: string) => void process.stdout.write(`${line}\n`);

await runCommand(async () => {
  if (process.getuid?.() !== 0) throw new UserError('Proving the Dockerfile needs root, for chroot and mounts.');
  const work = join(repository, '.local/docker-proof');
  const image = await buildImage({
    dockerfile: readFileSync(join(repository, 'infra/docker/Dockerfile'), 'utf8'),
    ignore: readFileSync(join(repository, '.dockerignore'), 'utf8'),
    context: repository,
    work,
    makeBase: (name, root) => makeBaseImage(name, root, log),
    env: registryAccess(),
    log,
  });
  const data = mkdtempSync(join(tmpdir(), 'chat-docker-'));
  const redis = await startRedis({ dataDir: join(data, 'redis'), toolsDir: toolsFolder, log });
  const postgres = await startPostgres({ dataDir: join(data, 'postgres'), durable: false, log });
  const running: Container[] = [];
  try {
    await proveImage(image, { DATABASE_URL: postgres.url, REDIS_URL: redis.url }, running);
    rmSync(work, { recursive: true });
    log('✔ all checks passed');
  } finally {
    for (const container of running) container.kill();
    await postgres.stop();
    await redis.stop();
    rmSync(data, { recursive: true, force: true });
  }
});

/** Adds the containers that it starts to `running`. */
async function proveImage(image: Image, stores: Record<string, string>, running: Container[]): Promise<void> {
  const inside = { ...image, readOnly: true };
  const entryPoint = (main: string, env: Record<string, string> = {}): ContainerOptions => ({
    ...inside,
    env: { ...image.env, ...stores, ...env },
    command: [...image.entrypoint, main],
  });
  const userId = await runContainer({
    ...inside,
    command: ['sh', '-c', '! touch x /var/cache/node/x 2>/dev/null && id -u'],
  });
  log(`✔ the root file system is read-only for user ${userId.trim()}`);
  const migrated = await runContainer(entryPoint(MIGRATE));
  log(`✔ migrate: ${migrated.trim().split('\n').join(', ')}`);

  const [port, gatewayPort] = [await freePort(), await freePort()];
  const [workerPort, proberPort] = [await freePort(), await freePort()];
  const target: Target = { url: `http://127.0.0.1:${port}`, jwtSecret: randomUUID() };
  const secret = { JWT_SECRET: target.jwtSecret };
  const [gatewayMain = ''] = image.command;
  const start = async (name: string, adminPort: number, main: string, env: Record<string, string>) => {
    const container = startContainer(entryPoint(main, { ADMIN_PORT: `${adminPort}`, ...env }));
    running.push(container);
    await untilHealthy(name, adminPort, container);
    return container;
  };
  const gateway = await start('gateway', gatewayPort, gatewayMain, { PORT: `${port}`, DRAIN_DELAY_MS: '0', ...secret });
  const worker = await start('worker', workerPort, 'services/worker/src/main.ts', { QUEUE_BOARD: 'true' });
  const probe = { PROBE_ENTRY: target.url, ...secret };
  const prober = await start('prober', proberPort, 'services/prober/src/main.ts', probe);

  for (const adminPort of [gatewayPort, workerPort, proberPort]) {
    await runContainer({ ...inside, env: { ...image.env, ADMIN_PORT: `${adminPort}` }, command: image.healthcheck });
  }
  log('✔ HEALTHCHECK passes for each of them');
  await sendMessage(target);
  log('✔ a message is stored and acknowledged');
  await untilProberDelivers(proberPort);
  log('✔ a message of the prober is delivered');

  for (const [name, container] of Object.entries({ prober, gateway, worker })) {
    container.signal('SIGTERM');
    const code = await container.exited;
    if (code !== 0) throw new Error(`${name} ended with ${code} after SIGTERM:\n${container.output()}`);
    log(`✔ ${name}: SIGTERM to process 1 ends it with exit code 0`);
  }
  await proveCompileCache(image, entryPoint(MIGRATE, { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }));
}

async function untilHealthy(name: string, adminPort: number, container: Container): Promise<void> {
  const startedAt = performance.now();
  const ended = container.exited.then((code) => {
    throw new Error(`it ended with ${code}`);
  });
  ended.catch(() => {});
  const healthy = eventually(async () => {
    const { status } = await fetch(`http://127.0.0.1:${adminPort}/healthz`);
    if (status !== 200) throw new Error(`/healthz returned ${status}`);
  }, READY_WITHIN_MS);
  await Promise.race([healthy, ended]).catch((error: unknown) => {
    throw new Error(`${name} is not healthy (${String(error)}):\n${container.output()}`);
  });
  log(`✔ ${name}: /healthz responds ${Math.round(performance.now() - startedAt)} ms after its start`);
}

/** Opens a conversation and sends a message; rejects unless it is acknowledged as stored. */
async function sendMessage(target: Target): Promise<void> {
  const conversationId = await openConversation(target, 'alice', 'bob');
  const alice = await connect(target, 'alice');
  try {
    const ack = await alice.send({ conversationId, content: 'Hello' });
    if (!ack.ok) throw new Error(`the message was not accepted: ${JSON.stringify(ack)}`);
  } finally {
    alice.close();
  }
}

async function untilProberDelivers(adminPort: number): Promise<void> {
  await eventually(async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    if (!/^chat_probe_delivery_seconds_count [1-9]/m.test(metrics)) throw new Error('the prober has delivered nothing');
  }, READY_WITHIN_MS);
}

/** A process reads the code that the build compiled instead of compiling it again. */
async function proveCompileCache(image: Image, options: ContainerOptions): Promise<void> {
  const files = globSync('var/cache/node/*/*', { cwd: image.root }).length;
  const output = await runContainer(options);
  const found = output.match(/reading cache from .*success/g)?.length ?? 0;
  if (files === 0 || found === 0)
    throw new Error(`${found} of ${files} files of the compile cache were read:\n${output.slice(0, 2_000)}`);
  log(`✔ the compile cache has ${files} files; migrate reads ${found} of them`);
}
