import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { eventually, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import pg from 'pg';
import { type LocalPostgres, type PostgresOptions, startPostgres } from '../src/postgres.ts';
import { holdServer, isRunning } from './held-server.ts';

describe('the private Postgres', () => {
  it('keeps its data, its password and its owner-only files over a restart', async () => {
    await using folder = temporaryFolder();
    const dataDir = join(folder.path, 'postgres');
    const first = await start({ dataDir });
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    expect(await first.exited).to.equal('exit code 0');

    const second = await start({ dataDir });
    try {
      expect(await query(second.url, 'select answer from kept')).to.deep.equal([{ answer: 42 }]);
      expect(new URL(second.url).password).to.equal(new URL(first.url).password);
      expect(statSync(join(dataDir, 'password')).mode & 0o777).to.equal(0o600);
      expect(new URL(second.url).pathname).to.equal('/chat');
    } finally {
      await second.stop();
    }
  });

  it('listens on loopback only, requires the password, and does not force data to disk in tests', async () => {
    await using folder = temporaryFolder();
    const server = await start({ dataDir: join(folder.path, 'postgres') });
    try {
      const settings = await query(
        server.url,
        `select name, setting from pg_settings
         where name in ('listen_addresses', 'unix_socket_directories', 'fsync') order by 1`,
      );
      expect(settings.map(({ setting }) => setting)).to.deep.equal(['off', '127.0.0.1', '']);
      const guessed = new URL(server.url);
      guessed.password = 'guess';
      expect(await failure(query(guessed.href, 'select 1'))).to.match(/password authentication failed/);
    } finally {
      await server.stop();
    }
  });

  it('reports in one sentence that the folder is in use, and does not disturb the running copy', async () => {
    await using folder = temporaryFolder();
    const dataDir = join(folder.path, 'postgres');
    const server = await start({ dataDir });
    try {
      const error = await start({ dataDir }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(UserError);
      expect((error as Error).message).to.match(/in use by another running copy/);
      expect(await query(server.url, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
    } finally {
      await server.stop();
    }
  });

  it('starts again after its owner was killed with -9', async () => {
    await using folder = temporaryFolder();
    const dataDir = join(folder.path, 'postgres');
    const held = await holdServer('postgres', dataDir);
    await query(held.url, 'create table kept as select 1');
    await held.killOwner();
    await restartsWithData(dataDir);
  });

  it('ends with its owner, even when it is paused and the owner is killed with -9', async () => {
    await using folder = temporaryFolder();
    const held = await holdServer('postgres', join(folder.path, 'postgres'));
    process.kill(held.pid, 'SIGSTOP');
    await held.killOwner();
    await eventually(() => expect(isRunning(held.pid)).to.equal(false));
  });

  it('starts again after both it and its owner were killed with -9, whatever its pid file contains', async () => {
    await using folder = temporaryFolder();
    const dataDir = join(folder.path, 'postgres');
    const held = await holdServer('postgres', dataDir);
    await query(held.url, 'create table kept as select 1');
    process.kill(held.pid, 'SIGKILL');
    await held.killOwner();
    expect(existsSync(join(dataDir, 'data', 'postmaster.pid'))).to.equal(true);
    await restartsWithData(dataDir);
  });

  it('starts again at the same address when given its port', async () => {
    await using folder = temporaryFolder();
    const dataDir = join(folder.path, 'postgres');
    const first = await start({ dataDir });
    await first.stop();
    const second = await start({ dataDir, port: first.port });
    await second.stop();
    expect(second.url).to.equal(first.url);
  });

  // Only root needs another identity: for other users Postgres runs as the current user.
  if (process.getuid?.() === 0) describe('started by root where user namespaces are forbidden', rootWithoutNamespaces);
});

function rootWithoutNamespaces(): void {
  it('runs as another account with its own folder when that account may not enter the data folder', async () => {
    await using folder = temporaryFolder(0o700);
    await using shared = temporaryFolder(0o755);
    const options = { dataDir: join(folder.path, 'postgres'), sharedDir: shared.path, namespaces: false };
    const first = await start(options);
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    expect(first.dataDir.startsWith(shared.path)).to.equal(true);
    expect(statSync(join(first.dataDir, 'data')).uid).to.not.equal(0);

    // The data is found in its place after namespaces have become allowed.
    const second = await start({ ...options, namespaces: true });
    try {
      expect(await query(second.url, 'select answer from kept')).to.deep.equal([{ answer: 42 }]);
    } finally {
      await second.stop();
    }
  });

  it('uses the data folder in place when that account may enter it', async () => {
    await using folder = temporaryFolder(0o755);
    await using shared = temporaryFolder(0o755);
    const dataDir = join(folder.path, 'postgres');
    const server = await start({ dataDir, sharedDir: shared.path, namespaces: false });
    await server.stop();
    expect(server.dataDir).to.equal(dataDir);
    expect(readdirSync(shared.path).filter((name) => !name.startsWith('postgres-'))).to.deep.equal([]);
  });
}

function start(options: Partial<PostgresOptions> & { dataDir: string }): Promise<LocalPostgres> {
  return startPostgres({ durable: false, log: () => {}, ...options });
}

async function restartsWithData(dataDir: string): Promise<void> {
  const server = await start({ dataDir });
  try {
    expect(await query(server.url, 'select * from kept')).to.have.length(1);
  } finally {
    await server.stop();
  }
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing failed',
    (error: Error) => error.message,
  );
}
