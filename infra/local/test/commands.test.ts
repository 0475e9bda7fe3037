import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { readSettings } from '../src/settings.ts';

describe('the npm commands', () => {
  it('print their help, and the list of tasks for an unknown task', () => {
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

  it('token has the claims that the gateways require', () => {
    const env = { JWT_ISSUER: 'https://id.example.com/', JWT_AUDIENCE: 'chat', JWT_USER_CLAIM: 'uid' };
    const { stdout } = bootstrap(['token', '--user', 'alice', '--secret', 'secret'], env);
    const claims = jwt.verify(stdout.trim(), 'secret', { issuer: env.JWT_ISSUER, audience: 'chat' }) as jwt.JwtPayload;
    expect(claims).to.include({ uid: 'alice' }).and.not.have.property('sub');
  });

  it('token and demo report in one sentence that no cluster was started', async () => {
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

  it('start names the variable that is wrong, and does not print a password', () => {
    expect(() => readSettings({ PORT: '80x' })).to.throw(/PORT.* must be a whole number from 0 to 65535/);
    expect(() => readSettings({ WORKERS: '0' })).to.throw(/WORKERS/);
    expect(() => readSettings({ DATABASE_URL: 'mysql://a:hush@b' })).to.throw(/DATABASE_URL(?!.*hush)/s);
    expect(readSettings({ PORT: '', DATA_DIR: 'elsewhere' })).to.include({
      port: 3000,
      dataDir: join(repository, 'elsewhere'),
    });
  });
});

function bootstrap(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [join(repository, 'infra/local/bootstrap.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
}
