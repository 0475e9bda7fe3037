import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { askRedis, eventually, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type LocalRedis, startRedis } from '../src/redis.ts';
import { toolsFolder } from '../src/repository.ts';
import { holdServer, isRunning } from './held-server.ts';

describe('the private Redis', () => {
  it('keeps its data and its password over a restart', async () => {
    await using folder = temporaryFolder();
    const first = await start(folder.path);
    expect(await askRedis(first.url, 'SET', 'kept', '42')).to.equal('OK');
    await first.stop();
    expect(await first.exited).to.equal('exit code 0');
    await restartsWithData(folder.path, first.url);
  });

  it('has a suitable version, requires the password, and does not show it in its command line', async () => {
    await using folder = temporaryFolder();
    const server = await start(folder.path);
    try {
      expect(Number.parseInt(server.version.replace(/^\D+/, ''), 10)).to.be.at.least(7);
      const guessed = askRedis(server.url.replace(/:[^:@]+@/, ':guess@'), 'PING');
      expect(await guessed.catch(String)).to.match(/WRONGPASS/);
      expect(statSync(join(folder.path, 'redis.conf')).mode & 0o777).to.equal(0o600);
      const commandLine = readFileSync(`/proc/${server.pid}/cmdline`, 'utf8');
      expect(commandLine).to.not.include(new URL(server.url).password);
    } finally {
      await server.stop();
    }
  });

  it('reports in one sentence that the folder is in use', async () => {
    await using folder = temporaryFolder();
    const server = await start(folder.path);
    try {
      const error = await start(folder.path).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(UserError);
      expect((error as Error).message).to.match(/in use by another running copy/);
    } finally {
      await server.stop();
    }
  });

  it('starts again after its owner was killed with -9', async () => {
    await using folder = temporaryFolder();
    const held = await holdServer('redis', folder.path);
    await askRedis(held.url, 'SET', 'kept', '42');
    await held.killOwner();
    await restartsWithData(folder.path, held.url);
  });

  it('ends with its owner, even when it is paused and the owner is killed with -9', async () => {
    await using folder = temporaryFolder();
    const held = await holdServer('redis', folder.path);
    process.kill(held.pid, 'SIGSTOP');
    await held.killOwner();
    await eventually(() => expect(isRunning(held.pid)).to.equal(false));
  });

  it('starts again after both it and its owner were killed with -9', async () => {
    await using folder = temporaryFolder();
    const held = await holdServer('redis', folder.path);
    await askRedis(held.url, 'SET', 'kept', '42');
    process.kill(held.pid, 'SIGKILL');
    await held.killOwner();
    await restartsWithData(folder.path, held.url);
  });

  it('accepts a folder with spaces and quotes in its name', async () => {
    await using folder = temporaryFolder();
    const server = await start(join(folder.path, 'a "b" c'));
    expect(await askRedis(server.url, 'PING')).to.equal('PONG');
    await server.stop();
  });
});

function start(dataDir: string): Promise<LocalRedis> {
  return startRedis({ dataDir, toolsDir: toolsFolder, log: () => {} });
}

async function restartsWithData(dataDir: string, before: string): Promise<void> {
  const server = await start(dataDir);
  try {
    expect(new URL(server.url).password).to.equal(new URL(before).password);
    expect(await askRedis(server.url, 'GET', 'kept')).to.equal('42');
  } finally {
    await server.stop();
  }
}
