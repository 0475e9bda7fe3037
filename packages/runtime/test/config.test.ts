import {
  ConfigError,
  commonConfig,
  flag,
  integer,
  parseConfig,
  redactConfig,
  redisConfig,
  redisServers,
  redisSetting,
} from '@chat-cluster/runtime';
import { expect } from 'chai';
import { z } from 'zod';

const valid = { DATABASE_URL: 'postgres://app:pg-pass@db:5432/chat', REDIS_URL: 'redis://:redis-pass@cache:6379/1' };

function problemsOf(env: NodeJS.ProcessEnv, schema: z.ZodObject = commonConfig): string[] {
  try {
    parseConfig(schema, env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').slice(1);
  }
}

describe('configuration', () => {
  it('uses the default of a variable that is not set', () => {
    expect(parseConfig(commonConfig, valid)).to.deep.equal({
      ...valid,
      NODE_ENV: 'development',
      ADMIN_HOST: '127.0.0.1',
      LANES: 4,
      LOG_LEVEL: 'info',
      REDIS_ADAPTER: 'sharded',
      SHUTDOWN_TIMEOUT_MS: 7_000,
    });
  });

  it('lists all problems at once, each with its variable', () => {
    const env = { ...valid, DATABASE_URL: undefined, REDIS_URL: 'http://cache', LANES: '0', LOG_LEVEL: 'loud' };
    const problems = problemsOf(env);
    expect(problems.map((line) => /^ {2}- (\w+): \S/.exec(line)?.[1])).to.deep.equal([
      'DATABASE_URL',
      'REDIS_URL',
      'LANES',
      'LOG_LEVEL',
    ]);
    expect(problems[0]).to.include('is required, such as postgres://chat:password@db.internal:5432/chat');
    expect(problems[1]).to.include('must be a redis:// or redis+sentinel:// URL, with rediss for TLS');
  });

  it('never repeats the value of a URL, which may contain a password', () => {
    const env = { DATABASE_URL: 'mysql://app:hush@db/chat', REDIS_URL: 'hush' };
    expect(problemsOf(env)).to.have.length(2);
    expect(problemsOf(env).join()).to.not.include('hush');
  });

  it('treats an empty variable as not set', () => {
    expect(parseConfig(commonConfig, { ...valid, LANES: '', LOG_FORMAT: '' })).to.include({ LANES: 4 });
    expect(problemsOf({ ...valid, DATABASE_URL: '' })).to.have.length(1);
  });

  it('ignores other variables', () => {
    expect(parseConfig(commonConfig, { ...valid, PATH: '/bin' })).to.not.have.property('PATH');
  });

  it('is frozen', () => {
    const config = parseConfig(commonConfig, valid);
    expect(() => Object.assign(config, { LANES: 5 })).to.throw(TypeError);
  });

  it('accepts only whole numbers within their bounds', () => {
    const schema = z.object({ N: integer(1, 256, 4) });
    for (const [text, value] of [
      ['1', 1],
      ['256', 256],
    ] as const) {
      expect(parseConfig(schema, { N: text })).to.deep.equal({ N: value });
    }
    for (const text of ['0', '257', '1.5', 'four', '-1', '4 lanes']) {
      expect(problemsOf({ N: text }, schema), text).to.have.length(1);
      expect(problemsOf({ N: text }, schema)[0]).to.match(/^ {2}- N: /);
    }
  });

  it('accepts only true or false as a flag', () => {
    const schema = z.object({ ON: flag().default(true), OFF: flag().default(false) });
    expect(parseConfig(schema, {})).to.deep.equal({ ON: true, OFF: false });
    expect(parseConfig(schema, { ON: 'false', OFF: 'true' })).to.deep.equal({ ON: false, OFF: true });
    expect(problemsOf({ ON: 'yes', OFF: '0' }, schema)).to.have.length(2);
  });
});

describe('the Redis servers', () => {
  const read = (env: NodeJS.ProcessEnv) => redisServers(parseConfig(redisConfig, env));
  const [a, b, c] = ['redis://a:6379', 'redis://b:6379', 'redis://c:6379'];
  const group = 'redis+sentinel://:pw@s1:26379,s2:26379/main';

  it('have no database number without a cluster name, because Redis ignores it in pub/sub', () => {
    const problem = (name: string) => new RegExp(`- ${name}: has a database number, .* set CLUSTER_NAME too`);
    expect(() => read({ REDIS_URL: `${a}/1` })).to.throw(problem('REDIS_URL'));
    expect(() => read({ REDIS_URL: 'rediss://:pw@[::1]/02' })).to.throw(problem('REDIS_URL'));
    expect(() => read({ REDIS_URL: a, REDIS_QUEUE_URLS: `${b},${c}/15` })).to.throw(problem('REDIS_QUEUE_URLS'));
    expect(() => read({ REDIS_URL: a, REDIS_CACHE_URL: `${group}?db=3` })).to.throw(problem('REDIS_CACHE_URL'));
    for (const url of [`${a}/`, `${a}/0`, `${group}?db=0`, group]) expect(read({ REDIS_URL: url }).cache).to.equal(url);
    expect(read({ REDIS_URL: `${a}/1`, CLUSTER_NAME: 'chat' }).cache).to.equal(`${a}/1`);
    expect(() => read({ REDIS_URL: a, CLUSTER_NAME: 'Staging' })).to.throw(/CLUSTER_NAME: must be 1 to 32 characters/);
  });

  it('are REDIS_URL for each role without a URL of its own', () => {
    expect(read({ REDIS_URL: a })).to.deep.equal({ pubsub: a, queues: [a], cache: a });
    expect(read({ REDIS_URL: a, REDIS_PUBSUB_URL: 'redis+cluster://b:1,c:2', REDIS_CACHE_URL: c })).to.deep.equal({
      pubsub: 'redis+cluster://b:1,c:2',
      queues: [a],
      cache: c,
    });
  });

  it('need no REDIS_URL when each role has its own', () => {
    const parts = { REDIS_PUBSUB_URL: a, REDIS_QUEUE_URLS: `${b}, ${c}`, REDIS_CACHE_URL: a };
    expect(read(parts)).to.deep.equal({ pubsub: a, queues: [b, c], cache: a });
    expect(() => read({ ...parts, REDIS_CACHE_URL: undefined })).to.throw(ConfigError, 'REDIS_URL: is required');
    expect(() => read({})).to.throw(ConfigError, 'REDIS_URL: is required');
  });

  it('may have commas within a URL, which separate its hosts', () => {
    expect(read({ REDIS_URL: a, REDIS_QUEUE_URLS: `${group},${b}` }).queues).to.deep.equal([group, b]);
  });

  it('are rejected when they cannot work, with a message that contains no URL', () => {
    const rejected = (env: NodeJS.ProcessEnv, message: string) =>
      expect(() => read({ REDIS_URL: 'redis://:hush@a', ...env }))
        .to.throw(ConfigError, message)
        .that.satisfies((error: Error) => !error.message.includes('hush'));
    rejected({ REDIS_QUEUE_URLS: 'redis://:hush@q, redis://:hush@q' }, 'REDIS_QUEUE_URLS: names a server twice');
    rejected({ REDIS_QUEUE_URLS: 'redis+cluster://:hush@q' }, 'REDIS_QUEUE_URLS');
    rejected({ REDIS_CACHE_URL: 'http://hush' }, 'REDIS_CACHE_URL: must be a redis://');
    rejected(
      { REDIS_ADAPTER: 'classic', REDIS_PUBSUB_URL: 'redis+cluster://:hush@p' },
      'REDIS_ADAPTER: must be sharded',
    );
    rejected({ REDIS_ADAPTER: 'streams' }, 'REDIS_ADAPTER');
  });

  it('may each use TLS', () => {
    const env = { REDIS_URL: 'rediss+sentinel://s1/main', REDIS_PUBSUB_URL: 'rediss+cluster://b:1,c:2' };
    const queues = ['rediss://q', 'rediss+sentinel://s1,s2/main'];
    expect(read({ ...env, REDIS_QUEUE_URLS: queues.join() })).to.deep.equal({
      pubsub: env.REDIS_PUBSUB_URL,
      queues,
      cache: env.REDIS_URL,
    });
  });

  it('have the name of their setting in the log', () => {
    const config = parseConfig(redisConfig, { REDIS_URL: a, REDIS_QUEUE_URLS: `${b},${c}`, REDIS_CACHE_URL: c });
    expect([a, b, c].map((url) => redisSetting(config, url))).to.deep.equal([
      'REDIS_URL',
      'REDIS_QUEUE_URLS[0]',
      'REDIS_CACHE_URL',
    ]);
  });

  it('are logged without credentials', () => {
    const shown = redactConfig(parseConfig(redisConfig, { REDIS_URL: group, REDIS_QUEUE_URLS: 'redis://:pw@q:1/2' }));
    expect(JSON.stringify(shown)).to.not.include('pw');
    expect(shown.REDIS_QUEUE_URLS).to.deep.equal(['redis://q:1/2']);
  });
});

describe('the configuration in the log', () => {
  it('shows the addresses of servers without the credentials of their URLs', () => {
    expect(redactConfig(valid)).to.deep.equal({
      DATABASE_URL: 'postgres://db:5432/chat',
      REDIS_URL: 'redis://cache:6379/1',
    });
    expect(redactConfig({ REDIS_URL: 'redis://cache?password=hush' })).to.deep.equal({ REDIS_URL: 'redis://cache' });
  });

  it('masks secrets and nothing else', () => {
    const shown = { LANES: 4, ALLOW_QUERY_TOKEN: true, LOG_LEVEL: 'info', ALLOWED_ORIGINS: ['https://chat.example'] };
    const secrets = { JWT_SECRET: 'hush', SMTP_PASSWORD: 'hush', API_TOKEN: 'hush', REDIS_URL: 'hush' };
    const masked = redactConfig({ ...shown, ...secrets });
    expect(masked).to.deep.include(shown);
    expect(JSON.stringify(masked)).to.not.include('hush');
  });

  it('masks the credentials of a URL, whatever the name of its variable', () => {
    expect(JSON.stringify(redactConfig({ UPSTREAM: 'redis://app:hush@cache:6379' }))).to.not.include('hush');
  });
});
