import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { checkPort, repository } from '@chat-cluster/local-cluster';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { readSettings } from '../src/settings.ts';

describe('the commands', () => {
  it('explain themselves, and answer an unknown task with the same help', () => {
    expect(bootstrap(['--help'])).to.include({ status: 0 });
    expect(bootstrap(['frobnicate']).status).to.equal(1);
    expect(bootstrap(['frobnicate']).stdout).to.include('npm start');
    expect(bootstrap(['start', '--help']).stdout).to.include('GATEWAY_PROCESSES');
  });

  it('token prints a token and nothing else', () => {
    const { stdout, status } = bootstrap(['token', '--user', 'alice', '--ttl', '90s', '--secret', 'secret']);
    expect(status).to.equal(0);
    const claims = jwt.verify(stdout.trim(), 'secret', { algorithms: ['HS256'] }) as jwt.JwtPayload;
    expect(claims.sub).to.equal('alice');
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).to.equal(90);
  });

  it('token and demo say in one sentence that no cluster was started', async () => {
    await using folder = temporaryFolder();
    const env = { DATA_DIR: folder.path, JWT_SECRET: '' };
    for (const task of [['token', '--user', 'alice'], ['demo']]) {
      const { stderr, stdout, status } = bootstrap(task, env);
      expect(status).to.equal(1);
      expect(stdout).to.equal('');
      expect(stderr.trim().split('\n')).to.have.length(1);
      expect(stderr).to.include('npm start');
    }
  });

  it('test ends with one line of counts, also when a file does not load', async () => {
    await using folder = temporaryFolder();
    const { stdout, status } = bootstrap(['test', '--no-config', join(folder.path, 'missing.test.ts')]);
    expect(status).to.not.equal(0);
    expect(stdout.trim().split('\n').at(-1)).to.equal('0 passed, 1 failed');
  });

  it('name the setting that is wrong, without repeating a password', () => {
    expect(() => readSettings({ PORT: '80x' })).to.throw('PORT must be a whole number from 0 to 65535, not "80x".');
    expect(() => readSettings({ WORKERS: '0' })).to.throw('WORKERS must be a whole number from 1 to 64');
    expect(() => readSettings({ DATABASE_URL: 'mysql://a:hush@b' })).to.throw(/^DATABASE_URL is not.*(?<!hush.*)$/);
    expect(readSettings({ PORT: '', DATA_DIR: 'elsewhere' })).to.include({
      port: 3000,
      dataDir: join(repository, 'elsewhere'),
    });
  });

  it('start names a port in use, and another one to take', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const error = await checkPort(port).catch((thrown: Error) => thrown);
    await new Promise((resolve) => server.close(resolve));
    expect(error?.message).to.equal(
      `Port ${port} is in use. Stop what listens there or set PORT, e.g. PORT=${port + 1} npm start.`,
    );
    await checkPort(port);
  });
});

function bootstrap(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [join(repository, 'infra/local/bootstrap.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
}
