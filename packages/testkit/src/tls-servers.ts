import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findRedis, freePort, toolsFolder } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { eventually } from './eventually.ts';
import { startTestPostgres } from './postgres-template.ts';
import { queryPostgres } from './query-postgres.ts';
import { spawnRedis } from './spawn-redis.ts';
import { redisTlsLines, type TlsIdentity } from './tls-identity.ts';

/** Starts a Redis that accepts only TLS, and returns its URL. The stack stops it. */
export async function startTlsRedis(
  stack: AsyncDisposableStack,
  folder: string,
  identity: TlsIdentity,
): Promise<string> {
  const port = await freePort();
  const password = randomBytes(16).toString('hex');
  mkdirSync(folder, { recursive: true });
  const configFile = join(folder, 'redis.conf');
  const lines = ['bind 127.0.0.1', `requirepass ${password}`, `dir ${folder}`, 'save ""'];
  writeFileSync(configFile, `${[...lines, ...redisTlsLines(port, identity)].join('\n')}\n`, { mode: 0o600 });
  const server = await spawnRedis(await findRedis(toolsFolder, () => {}), configFile, folder);
  stack.defer(() => server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]));
  return `rediss://:${password}@127.0.0.1:${port}`;
}

/** Starts a Postgres that rejects connections without TLS, and returns its URL without parameters. The stack stops it. */
export async function startTlsPostgres(
  stack: AsyncDisposableStack,
  dataDir: string,
  identity: TlsIdentity,
): Promise<string> {
  const { url, dataDir: home, stop } = await startTestPostgres({ dataDir, durable: false, log: () => {} });
  stack.defer(() => stop());
  const data = join(home, 'data');
  const { uid, gid } = statSync(data);
  const contents = {
    'server.crt': readFileSync(identity.certFile),
    'server.key': readFileSync(identity.keyFile),
    'pg_hba.conf': 'hostssl all all 127.0.0.1/32 scram-sha-256\n',
  };
  for (const [name, text] of Object.entries(contents)) {
    writeFileSync(join(data, name), text, { mode: 0o600 });
    chownSync(join(data, name), uid, gid);
  }
  await queryPostgres(url, 'alter system set ssl = on');
  await queryPostgres(url, 'select pg_reload_conf()');
  await eventually(async () => {
    const error = await queryPostgres(url, 'select 1').catch((thrown: Error) => thrown.message);
    expect(error).to.match(/no encryption/);
  });
  return url;
}
