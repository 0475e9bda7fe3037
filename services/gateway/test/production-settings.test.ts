import { ConfigError } from '@chat-cluster/runtime';
import { loadConfig as loadWorkerConfig } from '@chat-cluster/worker/config';
import { expect } from 'chai';
import { loadConfig } from '../src/config.ts';

const STRONG = '0f8e2b7c4d1a69537e8b0c2d4f6a8193';
const env = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://none',
  REDIS_URL: 'redis://none',
  JWT_SECRET: STRONG,
};

/** The problems that the settings are refused for, one line each. */
function problemsOf(settings: NodeJS.ProcessEnv, load: (env: NodeJS.ProcessEnv) => unknown = loadConfig): string[] {
  try {
    load(settings);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').slice(1);
  }
}

describe('production settings', () => {
  it('are accepted with a strong secret, and then serve users on all addresses and administrators on loopback', () => {
    expect(loadConfig(env)).to.include({ HOST: '0.0.0.0', ADMIN_HOST: '127.0.0.1' });
    expect(loadConfig(env).ALLOWED_ORIGINS).to.deep.equal([]);
    expect(loadConfig(env).ALLOW_QUERY_TOKEN).to.equal(false);
    expect(loadConfig({ ...env, ALLOW_QUERY_TOKEN: 'true' }).ALLOW_QUERY_TOKEN).to.equal(true);
  });

  const WEAK: [string, NodeJS.ProcessEnv, RegExp][] = [
    ['32 × a', { JWT_SECRET: 'a'.repeat(32) }, /JWT_SECRET: must have at least 8 different characters; create one/],
    ['a short secret', { JWT_SECRET: STRONG.slice(1) }, /JWT_SECRET: must have at least 32 characters/],
    ['a repeated word', { JWT_SECRET: 'changeit-now'.repeat(4) }, /JWT_SECRET: must not repeat a short text/],
    ['a weak previous secret', { JWT_PREVIOUS_SECRET: 'old' }, /JWT_PREVIOUS_SECRET: must have at least 32/],
    ['no key at all', { JWT_SECRET: '' }, /JWT_SECRET: is required, unless JWT_KEYS_FILE or JWT_JWKS_URL is set/],
    ['any origin', { ALLOWED_ORIGINS: '*' }, /ALLOWED_ORIGINS: must list the origins in production, not \*/],
    ['keys over plain HTTP', { JWT_JWKS_URL: 'http://id.example/keys' }, /JWT_JWKS_URL: must be an https:\/\/ URL/],
    ['an open admin port', { ADMIN_HOST: '0.0.0.0' }, /ADMIN_TOKEN: is required in production when ADMIN_HOST is not/],
    [
      'no way to open a conversation',
      { OPEN_CONVERSATIONS: 'server' },
      /ADMIN_TOKEN: is required with OPEN_CONVERSATIONS=/,
    ],
    ['a weak admin token', { ADMIN_HOST: '::', ADMIN_TOKEN: 'admin' }, /ADMIN_TOKEN: must have at least 32 characters/],
  ];
  for (const [name, settings, problem] of WEAK) {
    it(`are refused with ${name}, in one sentence`, () => {
      const problems = problemsOf({ ...env, ...settings });
      expect(problems).to.have.length(1);
      expect(problems[0]).to.match(problem);
    });
  }

  it('leave open who opens conversations, and show presence to contacts', () => {
    expect(loadConfig(env)).to.include({ OPEN_CONVERSATIONS: 'anyone', PRESENCE: 'contacts' });
    expect(problemsOf({ ...env, OPEN_CONVERSATIONS: 'nobody', PRESENCE: 'friends' })).to.deep.equal([
      '  - PRESENCE: must be contacts, anyone or off',
      '  - OPEN_CONVERSATIONS: must be anyone or server',
    ]);
  });

  it('of a worker are refused with an open admin port too', () => {
    expect(problemsOf({ ...env, ADMIN_HOST: '0.0.0.0' }, loadWorkerConfig)[0]).to.match(/ADMIN_TOKEN: is required/);
    expect(problemsOf({ ...env, ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: STRONG }, loadWorkerConfig)).to.deep.equal([]);
  });

  it('accept public keys instead of a secret', () => {
    expect(problemsOf({ ...env, JWT_SECRET: '', JWT_JWKS_URL: 'https://id.example/keys' })).to.deep.equal([]);
  });
});

describe('development settings', () => {
  const development = { ...env, NODE_ENV: '', JWT_SECRET: 'x' };

  it('listen on loopback unless configured otherwise, and then need a strong secret too', () => {
    expect(loadConfig(development)).to.include({ HOST: '127.0.0.1', ALLOW_QUERY_TOKEN: true });
    expect(problemsOf({ ...development, HOST: '0.0.0.0' })[0]).to.match(/JWT_SECRET: must have at least 32 characters/);
    expect(loadConfig({ ...development, HOST: '0.0.0.0', JWT_SECRET: STRONG }).HOST).to.equal('0.0.0.0');
  });
});
