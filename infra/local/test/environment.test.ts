import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readClusterFile, repository } from '@chat-cluster/local-cluster';
import { eventually, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { environmentOf } from '../environment.mjs';

/** A shell with the variables of other programs. */
const HOSTILE = {
  PGSSLMODE: 'require',
  PGOPTIONS: '-c search_path=nowhere',
  PGHOST: 'db.invalid',
  PGUSER: 'nobody',
  PGPASSWORD: 'hush',
  PGDATABASE: 'nothing',
  PGSERVICE: 'elsewhere',
  PGTZ: 'Asia/Tokyo',
  REDISCLI_AUTH: 'hush',
  NODE_OPTIONS: '--max-http-header-size=1024',
  NODE_TLS_REJECT_UNAUTHORIZED: '0',
  DEBUG: '*',
  LC_ALL: 'C',
  LANG: 'tr_TR.ISO-8859-9',
  TZ: 'Pacific/Kiritimati',
};
/** Settings of a cluster that the developer works on. */
const SETTINGS = {
  DATABASE_URL: 'postgres://db.invalid/production',
  REDIS_URL: 'redis://redis.invalid',
  JWT_SECRET: 'hush',
  PORT: '3000',
  NODE_ENV: 'production',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.invalid',
  PG_POOL_SIZE: '1',
};
const MACHINE = {
  PATH: '/bin',
  HOME: '/home/me',
  npm_config_registry: 'http://registry.invalid',
  https_proxy: 'http://p',
};

describe('the environment of the npm commands', () => {
  it('has no variables of other programs', () => {
    expect(environmentOf('start', { ...HOSTILE, ...SETTINGS, ...MACHINE })).to.deep.equal({ ...SETTINGS, ...MACHINE });
  });

  it('has no settings in commands with a cluster of their own', () => {
    for (const command of ['test', 'check', 'verify', 'fuzz']) {
      const env = { ...HOSTILE, ...SETTINGS, ...MACHINE, TEST_JOBS: '1', UPDATE_SQL: '1' };
      expect(environmentOf(command, env)).to.deep.equal({ ...MACHINE, TEST_JOBS: '1', UPDATE_SQL: '1' });
    }
  });

  it('lets npm start work in a shell that has all of them', async () => {
    await using folder = temporaryFolder();
    const child = spawn(process.execPath, [join(repository, 'infra/local/bootstrap.mjs'), 'start'], {
      env: { ...process.env, ...HOSTILE, PORT: '0', DATA_DIR: folder.path, GATEWAY_PROCESSES: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const ended = once(child, 'exit');
    try {
      await eventually(() => expect(output).to.include('The chat cluster is up'), 120_000);
      const processes = readClusterFile(folder.path)?.processes ?? [];
      expect(processes.map(({ name }) => name)).to.include.members(['postgres', 'redis', 'gateway', 'worker-1']);
      for (const { name, pid } of processes) {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        const foreign = Object.entries(HOSTILE).map(([variable, value]) => `${variable}=${value}`);
        // Postgres and Redis write their logs in English: LC_ALL=C is ours.
        const found = variables.filter((one) => foreign.includes(one) && one !== 'LC_ALL=C');
        expect(found, name).to.deep.equal([]);
      }
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  });
});
