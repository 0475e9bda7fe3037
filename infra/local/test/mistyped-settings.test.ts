/*
 * Longer than 250 lines on purpose: one table with a row for each setting.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { gatewaySettings, loadConfig as loadGateway } from '@chat-cluster/gateway/config';
import { repository } from '@chat-cluster/local-cluster';
import { migrateSettings } from '@chat-cluster/postgres';
import { loadConfig as loadProber, proberSettings } from '@chat-cluster/prober/config';
import { ConfigError, parseConfig } from '@chat-cluster/runtime';
import { loadConfig as loadWorker, workerSettings } from '@chat-cluster/worker/config';
import { expect } from 'chai';
import { readSettings, startSettings } from '../src/settings.ts';

/** Part of every password here. No message may contain it. */
const HUSH = 'hush';
const SECRET = '0f8e2b7c4d1a69537e8b0c2d4f6a8193';
const SERVERS = { DATABASE_URL: 'postgres://u:p@db/chat', REDIS_URL: 'redis://r' };

type Env = Record<string, string>;

/** The processes that read settings, with an environment that each accepts. */
const READERS = {
  gateway: { settings: gatewaySettings, valid: { ...SERVERS, JWT_SECRET: SECRET }, read: loadGateway },
  worker: { settings: workerSettings, valid: SERVERS, read: loadWorker },
  prober: {
    settings: proberSettings,
    valid: { PROBE_ENTRY: 'http://a', PROBE_ADMIN_ENTRY: 'http://a', PROBE_ADMIN_TOKEN: SECRET, JWT_SECRET: SECRET },
    read: loadProber,
  },
  'npm start': { settings: startSettings, valid: {}, read: readSettings },
  migrate: {
    settings: migrateSettings,
    valid: { DATABASE_URL: SERVERS.DATABASE_URL },
    read: (env: Env) => parseConfig(migrateSettings, env),
  },
} as const;

/** Values of a kind of setting that operators mistype. */
interface Kind {
  wrong: readonly string[];
  /** What every message of it contains, besides those about quotation marks and white space. */
  message: RegExp;
}

const AROUND = [' ', '\t', ' x', 'x\n', '"x"', "'x'"];
const NUMBERS = ['8s', '1e3', '1_000', '10,000', '10.5', '-1', 'NaN', 'Infinity', '0x10', 'ten', '9'.repeat(400), '+1'];
const number = (unit = ''): Kind => ({
  wrong: NUMBERS,
  message: new RegExp(`must be a whole number${unit} from \\d+ to \\d+ in digits only, such as \\d+`),
});
const MS = number(' of milliseconds');
const BYTES = number(' of bytes');
const BOOLEAN: Kind = {
  wrong: ['yes', 'True', 'TRUE', '1', '0', 'on', 'no'],
  message: /must be (written )?(true|false)/,
};
const words = (...wrong: string[]): Kind => ({ wrong, message: /must be (written )?\w/ });
const TEXT: Kind = { wrong: [], message: /./ };
const LISTEN: Kind = {
  wrong: ['http://0.0.0.0', '0.0.0.0:3000', '*', '256.1.1.1', 'my host', '/run/chat.sock'],
  message: /must be an IP address or a host name without scheme, port and path, such as/,
};
const NAME: Kind = {
  wrong: ['a b', 'gäteway', 'x'.repeat(129), 'a\nb'],
  message: /must have 1 to 128 characters of ASCII/,
};
const CLUSTER: Kind = {
  wrong: ['Staging', 'chat:eu', 'a b', 'eu_1', 'x'.repeat(33), 'chät', '*'],
  message: /must be 1 to 32 characters from a-z, 0-9 and -, such as staging/,
};
const ENCODED = /percent-encode special characters of the password, such as %40 for @/;
/** A password with unencoded characters, in a URL of each scheme. */
const unencoded = (scheme: string, rest = '') =>
  ['p@ss/w#rd', 'w#rd', 'w/rd', 'w?rd', '1/2', '1#2', '1?2', 'w%rd', 'w rd'].map(
    (password) => `${scheme}://user:${password}${HUSH}@db:1${rest}`,
  );
const POSTGRES: Kind = {
  wrong: [
    ...unencoded('postgres', '/chat'),
    ...[
      `redis://:${HUSH}@db`,
      `mysql://u:${HUSH}@db/chat`,
      `http://u:${HUSH}@db`,
      `u:${HUSH}@db/chat`,
      'db',
      'postgres',
    ],
    ...[`postgres://u:${HUSH}@db:99999/chat`, `postgres://u:${HUSH}@db:5432x/chat`, `postgres://u:${HUSH}@a,b/chat`],
    ...[`postgres://u:${HUSH}@/chat`, `postgres://u:${HUSH}@db/chat?sslmode=verify_full`],
    `postgres://u:${HUSH}@db/chat?sslmode=verify-full&sslrootcert=/none/ca.pem`,
  ],
  message: /such as |must have one of these as its sslmode: disable|names a file in sslrootcert/,
};
const redis = (...more: string[]): Kind => ({
  wrong: [
    ...unencoded('redis'),
    ...unencoded('rediss+sentinel', '/main'),
    `redis+sentinel://:p@${HUSH}@s/main`,
    ...[`http://:${HUSH}@r`, `postgres://u:${HUSH}@r/chat`, `r:6379`, `redis:/r`, `redis://`, `redis://:${HUSH}@`],
    ...[`redis://:${HUSH}@a:1,b:2`, `redis://:${HUSH}@r:x`, `redis://:${HUSH}@r:0`, `redis://:${HUSH}@r/main`],
    ...[
      `redis+sentinel://:${HUSH}@s1,s2`,
      `redis+sentinel://:${HUSH}@s1/main/x`,
      `redis+sentinel://:${HUSH}@s1/m?db=x`,
    ],
    ...more,
  ],
  message: /such as |must have a number as its db/,
});
const REDIS = redis('redis+cluster://r');
const PUBSUB = redis('redis+cluster://a,b/main', ...unencoded('redis+cluster'));
const HTTP: Kind = {
  wrong: ['collector:4318', 'ftp://c', 'https://', `https://u:${HUSH}@c`, '//c', 'grpc://c:4317'],
  message: /such as http|write it as http/,
};
const ENTRY: Kind = {
  wrong: [
    'chat.example.com',
    'ws://chat',
    'https://chat/path',
    'https://chat?x',
    `https://u:${HUSH}@chat`,
    'http://a,',
    'http://a,http://b,http://c',
  ],
  message: /such as https:|at most 2 URLs/,
};
const ORIGINS: Kind = {
  wrong: [
    ...['app.example.com', 'https://app.example.com/path', 'https://app.example.com?x', 'https://app.example.com/#x'],
    ...['*,https://a.example', 'https://*.example.com', 'null', 'file://', 'https://a.example,null', 'https://', '//a'],
    ...[
      `https://u:${HUSH}@a.example`,
      'https://a.example:99999',
      'https://a.example https://b.example',
      'localhost:5173',
    ],
  ],
  message: /such as https:|serve the page from a web server/,
};

/** Every setting with its kind. */
const KINDS: Readonly<Record<string, Kind>> = {
  ADMIN_HOST: LISTEN,
  ADMIN_PORT: { ...number(), wrong: [...NUMBERS, '65536', ':9090'] },
  ADMIN_TOKEN: TEXT,
  ALLOWED_ORIGINS: ORIGINS,
  ALLOW_QUERY_TOKEN: BOOLEAN,
  AUDIT_INTERVAL_MS: MS,
  AUTHENTICATE_WITHIN_MS: MS,
  CHAT_GATEWAY_PASSWORD: TEXT,
  CHAT_WORKER_PASSWORD: TEXT,
  CLUSTER_NAME: CLUSTER,
  CONNECTS_PER_SECOND: number(),
  CONNECTS_PER_SECOND_PER_ADDRESS: number(),
  CONNECTS_PER_SECOND_PER_USER: number(),
  DATABASE_URL: POSTGRES,
  DATA_DIR: TEXT,
  DELETE_WINDOW_MS: MS,
  DRAIN_DELAY_MS: MS,
  DRAIN_WINDOW_MS: MS,
  EDIT_WINDOW_MS: MS,
  GATEWAY_NAME: NAME,
  GATEWAY_PROCESSES: { ...number(), wrong: [...NUMBERS, '0'] },
  HOST: LISTEN,
  HTTP_RATE_LIMIT_BURST: number(),
  HTTP_RATE_LIMIT_PER_SECOND: number(),
  HTTP_KEEP_ALIVE_MS: MS,
  JWT_AUDIENCE: TEXT,
  JWT_CLOCK_TOLERANCE_MS: MS,
  JWT_ISSUER: TEXT,
  JWT_JWKS_URL: HTTP,
  JWT_KEYS_FILE: TEXT,
  JWT_MAX_AGE_MS: MS,
  JWT_PROBER_KEYS_FILE: TEXT,
  JWT_SECRET: TEXT,
  JWT_USER_CLAIM: TEXT,
  LANES: { ...number(), wrong: [...NUMBERS, '0', '257'] },
  LOG_FORMAT: words('JSON', 'text'),
  LOG_LEVEL: words('Info', 'verbose', 'WARN'),
  MAX_CONNECTIONS: number(),
  MAX_CONNECTIONS_PER_USER: number(),
  MAX_GROUPS_PER_USER: { ...number(), wrong: [...NUMBERS, '0'] },
  MAX_GROUP_MEMBERS: number(),
  MAX_PACKET_BYTES: BYTES,
  MAX_REVOCATIONS: { ...number(), wrong: [...NUMBERS, '0'] },
  MAX_UNAUTHENTICATED: number(),
  MAX_UNAUTHENTICATED_PER_ADDRESS: number(),
  MAX_USERS_PER_ADD: { ...number(), wrong: [...NUMBERS, '0'] },
  MAX_WATCHES_PER_USER: number(),
  NEW_CONVERSATIONS_PER_MINUTE: number(),
  NEW_GROUPS_PER_MINUTE: number(),
  NODE_ENV: words('prod', 'Production', 'staging'),
  OTEL_BSP_SCHEDULE_DELAY: MS,
  OTEL_EXPORTER_OTLP_ENDPOINT: HTTP,
  OTEL_EXPORTER_OTLP_PROTOCOL: words('grpc', 'HTTP/JSON'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: HTTP,
  OTEL_SDK_DISABLED: BOOLEAN,
  OTEL_SERVICE_NAME: TEXT,
  OTEL_TRACES_EXPORTER: words('OTLP', 'jaeger'),
  OTEL_TRACES_SAMPLER: words('always', 'Always_On'),
  OTEL_TRACES_SAMPLER_ARG: {
    wrong: ['1%', '1.5', '-0.1', '1e-2', '0,1', 'NaN'],
    message: /a number from 0 to 1, such as/,
  },
  PG_POOL_SIZE: { ...number(), wrong: [...NUMBERS, '0'] },
  LOCAL_CONTROL_TOKEN: TEXT,
  LOCAL_CONTROL_URL: {
    ...ENTRY,
    wrong: ENTRY.wrong.filter((one) => !one.startsWith('http://a,')).concat('http://a,http://b'),
    message: /such as http:/,
  },
  OPEN_CONVERSATIONS: words('Server', 'users'),
  PORT: { ...number(), wrong: [...NUMBERS, '65536', ':3000', 'tcp://10.0.0.1:3000'] },
  PRESENCE: words('Off', 'all'),
  PROBER_NAME: NAME,
  PROBE_ADMIN_ENTRY: {
    ...ENTRY,
    wrong: ENTRY.wrong.filter((one) => !one.startsWith('http://a,')).concat('http://a,http://b'),
    message: /such as http:/,
  },
  PROBE_ADMIN_TOKEN: TEXT,
  PROBE_ENTRY: ENTRY,
  PROBE_INTERVAL_MS: MS,
  PROBE_KEY_FILE: TEXT,
  PROBE_LOST_AFTER_MS: MS,
  QUEUE_BOARD: BOOLEAN,
  RATE_LIMIT_BURST: number(),
  RATE_LIMIT_PER_SECOND: number(),
  RECOUNT_LANES: number(),
  REDIS_ADAPTER: words('Sharded', 'cluster'),
  REDIS_CACHE_URL: REDIS,
  REDIS_PUBSUB_URL: PUBSUB,
  REDIS_QUEUE_URLS: { ...REDIS, wrong: REDIS.wrong.flatMap((url) => [url, `redis://a,${url}`]) },
  REDIS_URL: REDIS,
  SHUTDOWN_TIMEOUT_MS: MS,
  TOKEN_EXPIRING_MS: MS,
  TRUSTED_HOPS: number(),
  UNREAD_MAX_BYTES: BYTES,
  USER_RATE_LIMIT_BURST: number(),
  USER_RATE_LIMIT_PER_SECOND: number(),
  WORKERS: { ...number(), wrong: [...NUMBERS, '0'] },
  // The folder itself is read when the page is opened, so that manifests can be checked without it.
  WEB_DIR: TEXT,
  WORKER_NAME: NAME,
  WRITE_BUFFER_MAX_BYTES: BYTES,
  WRITE_BUFFER_MAX_PACKETS: number(),
};

function problemsOf(read: (env: Env) => unknown, env: Env): string[] {
  try {
    read(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').slice(1);
  }
}

for (const [reader, { settings, valid, read }] of Object.entries(READERS)) {
  describe(`mistyped settings of ${reader}`, () => {
    it('have a row in the table of this test', () => {
      const missing = Object.keys(settings.shape).filter((name) => !(name in KINDS) && name !== 'JWT_PREVIOUS_SECRET');
      expect(missing).to.deep.equal([]);
      expect(problemsOf(read, valid)).to.deep.equal([]);
    });

    it('are refused with the name of the variable, the problem and an example, and without the value', () => {
      for (const name of Object.keys(settings.shape).filter((one) => one in KINDS)) {
        const { wrong, message } = KINDS[name] as Kind;
        for (const value of [...AROUND, ...wrong]) {
          const problems = problemsOf(read, { ...valid, [name]: value });
          expect(problems, `${name}=${value}`).to.have.lengthOf(1);
          const [problem = ''] = problems;
          expect(problem, `${name}=${value}`).to.match(new RegExp(`^  - ${name}: [a-z]`));
          expect(problem).to.not.include(HUSH);
          expect(problem, `${name}=${value}`).to.match(AROUND.includes(value) ? /remove (it|them)$/ : message);
        }
      }
    });

    it('are all reported at once, also those of several settings together', () => {
      const names = Object.keys(settings.shape).filter((one) => one in KINDS);
      const env = Object.fromEntries(names.map((name) => [name, '" "']));
      expect(problemsOf(read, env).map((line) => /- (\w+):/.exec(line)?.[1])).to.deep.equal(names);
    });
  });
}

describe('settings', () => {
  const read = (env: Env) => loadGateway({ ...READERS.gateway.valid, ...env });
  const problems = (env: Env) => problemsOf(loadGateway, { ...READERS.gateway.valid, ...env });

  it('report a conflict of several of them beside a mistyped one', () => {
    const found = problems({ NODE_ENV: 'production', ALLOWED_ORIGINS: '*', JWT_SECRET: '', REDIS_URL: '', LANES: 'x' });
    expect(found.map((line) => /- (\w+):/.exec(line)?.[1]).sort()).to.deep.equal([
      'ALLOWED_ORIGINS',
      'JWT_SECRET',
      'LANES',
      'REDIS_URL',
    ]);
  });

  it('with an unencoded password in a URL are refused with the advice to percent-encode it', () => {
    for (const [name, scheme, rest] of [
      ['DATABASE_URL', 'postgres', '/chat'],
      ['REDIS_URL', 'redis', ''],
      ['REDIS_CACHE_URL', 'redis+sentinel', '/main'],
      ['REDIS_PUBSUB_URL', 'redis+cluster', ''],
      ['REDIS_QUEUE_URLS', 'rediss', ''],
    ] as const) {
      for (const url of unencoded(scheme, rest)) expect(problems({ [name]: url })[0], url).to.match(ENCODED);
    }
  });

  it('may contain every form of a URL that works', () => {
    for (const DATABASE_URL of [
      'postgresql://u:p%40ss%2Fw%23rd@db.internal:5432/chat?sslmode=no-verify&application_name=a@b',
      ...['postgres://db/chat', 'postgres:///chat?host=/run/postgresql', 'postgres://u@/chat?host=/run/postgresql'],
      ...['postgres://u:p@[::1]:5432/chat', 'postgres://u:p@%2Frun%2Fpostgresql/chat', 'postgres://u:p@ss@db/chat'],
      'postgres://u:p@db/chat?options=-c%20search_path%3Dchat',
    ]) {
      expect(read({ DATABASE_URL })).to.include({ DATABASE_URL });
    }
    for (const REDIS_URL of [
      ...['redis://r', 'redis://user:p%2Fw@r:6379/3', 'rediss://:pw@[::1]:6380', 'redis://my_redis:6379/'],
      'redis+sentinel://u:p%40ss@s1:26379,s2/main?db=1&sentinelPassword=p@ss',
    ]) {
      expect(read({ REDIS_URL, CLUSTER_NAME: 'one' })).to.include({ REDIS_URL });
    }
    expect(read({ REDIS_PUBSUB_URL: 'rediss+cluster://u:pw@a:1,[::1]:2/' })).to.have.property('REDIS_PUBSUB_URL');
  });

  it('turn origins of pages into the form in which browsers send them', () => {
    for (const [given, origins] of [
      ['https://app.example.com/', ['https://app.example.com']],
      ['HTTPS://App.Example.COM:443', ['https://app.example.com']],
      ['http://localhost:80/,http://localhost:5173', ['http://localhost', 'http://localhost:5173']],
      ['https://bücher.example, https://a.example,', ['https://xn--bcher-kva.example', 'https://a.example']],
      ['https://a.example,https://A.example/', ['https://a.example']],
      ['capacitor://localhost,Chrome-Extension://ABC/', ['capacitor://localhost', 'chrome-extension://abc']],
      ['https://[::1]:8443', ['https://[::1]:8443']],
    ] as const) {
      expect(read({ ALLOWED_ORIGINS: given }).ALLOWED_ORIGINS).to.deep.equal(origins);
    }
    expect(read({ ALLOWED_ORIGINS: '*' }).ALLOWED_ORIGINS).to.equal('*');
    const { PROBE_ENTRY } = loadProber({ ...READERS.prober.valid, PROBE_ENTRY: 'https://Chat.Example/, http://b:80' });
    expect(PROBE_ENTRY).to.deep.equal(['https://chat.example', 'http://b']);
  });

  it('keep the exact text of issuer, audience and previous secret, with which tokens were made', () => {
    const exact = { JWT_ISSUER: 'https://Id.example/', JWT_AUDIENCE: 'Chat/', JWT_PREVIOUS_SECRET: `${SECRET}\n` };
    expect(read(exact)).to.include(exact);
  });
});

describe('processes with mistyped settings', () => {
  const MAINS = {
    gateway: 'services/gateway/src/main.ts',
    worker: 'services/worker/src/main.ts',
    prober: 'services/prober/src/main.ts',
    migrate: 'packages/postgres/src/migrate.ts',
    'npm start': 'infra/local/src/start.ts',
    doctor: 'infra/doctor/src/main.ts',
    'dead-letters': 'services/worker/src/commands/dead-letters.ts',
    unread: 'services/worker/src/commands/unread.ts',
  };
  const ARGUMENTS: Readonly<Record<string, string[]>> = { 'dead-letters': ['list'], unread: ['audit'] };
  const url = `postgres://chat:p@ss/w#${HUSH}@db/chat`;
  const env = { PATH: process.env.PATH, DATABASE_URL: url, PROBE_ENTRY: `https://u:${HUSH}@chat` };

  for (const [name, main] of Object.entries(MAINS)) {
    it(`${name} ends at once and names the variable, and never shows the password`, async () => {
      const args = [join(repository, main), ...(ARGUMENTS[name] ?? [])];
      const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
        execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
          resolve({ code: error?.code, output: stdout + stderr }),
        );
      });
      expect(code).to.equal(1);
      expect(output).to.match(name === 'prober' ? /PROBE_ENTRY: must be/ : ENCODED);
      expect(output).to.match(name === 'prober' ? /JWT_SECRET: is required/ : /- DATABASE_URL: /);
      expect(output)
        .to.not.include(HUSH)
        .and.not.match(/\bat .*:\d+:\d+/);
    });
  }
});
