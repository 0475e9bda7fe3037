import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatewaySettings } from '@chat-cluster/gateway/config';
import { repository } from '@chat-cluster/local-cluster';
import { proberSettings } from '@chat-cluster/prober/config';
import { workerSettings } from '@chat-cluster/worker/config';
import { expect } from 'chai';
import type { z } from 'zod';
import { startSettings } from '../src/settings.ts';

/** The column "used by" of the table in infra/OPERATE.md. */
const USERS = { G: gatewaySettings, W: workerSettings, P: proberSettings, S: startSettings } as const;
type User = keyof typeof USERS;

/** Settings whose default is described in words: it depends on the machine, on another setting, or on NODE_ENV. */
const IN_WORDS = new Set([
  'HOST',
  'GATEWAY_NAME',
  'WORKER_NAME',
  'PROBER_NAME',
  'DATA_DIR',
  'DATABASE_URL',
  'CLUSTER_NAME',
  'REDIS_URL',
  'REDIS_PUBSUB_URL',
  'REDIS_QUEUE_URLS',
  'REDIS_CACHE_URL',
  'JWT_SECRET',
  'ALLOWED_ORIGINS',
  'ALLOW_QUERY_TOKEN',
  'LOG_FORMAT',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_SDK_DISABLED',
  'OTEL_SERVICE_NAME',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_BSP_SCHEDULE_DELAY',
]);

interface Row {
  name: string;
  users: User[];
  defaults: string;
}

describe('the settings table of infra/OPERATE.md', () => {
  const rows = readRows();

  it('lists each setting once', () => {
    expect(rows.map(({ name }) => name)).to.have.lengthOf(new Set(rows.map(({ name }) => name)).size);
  });

  for (const user of Object.keys(USERS) as User[]) {
    it(`lists exactly the settings that ${user} parses, with their defaults`, () => {
      const { shape } = USERS[user];
      const documented = rows.filter(({ users }) => users.includes(user)).map(({ name }) => name);
      expect(documented.sort()).to.deep.equal(Object.keys(shape).sort());
      for (const { name, users, defaults } of rows) {
        if (!users.includes(user) || IN_WORDS.has(name)) continue;
        expect(defaultFor(user, defaults), `${name} of ${user}`).to.equal(defaultOf(shape[name as keyof typeof shape]));
      }
    });
  }
});

function readRows(): Row[] {
  const text = readFileSync(join(repository, 'infra/OPERATE.md'), 'utf8');
  return [...text.matchAll(/^\| `([A-Z_]+)` \| ([GWPS ]+) \|([^|]*)\|/gm)].map(
    ([, name = '', users = '', defaults = '']) => ({
      name,
      users: users.trim().split(' ') as User[],
      defaults: defaults.trim(),
    }),
  );
}

/** A default is one for all, unless a letter names an exception: "9090, W 9091, P 9092". */
function defaultFor(user: User, defaults: string): string {
  const parts = defaults.split(', ');
  const own = parts.find((part) => part.startsWith(`${user} `));
  return own === undefined ? (parts[0] ?? '') : own.slice(2);
}

/** As an operator would write it; '' when there is none. */
function defaultOf(field: unknown): string {
  const parsed = (field as z.ZodType).safeParse(undefined);
  return parsed.success && parsed.data !== undefined ? String(parsed.data) : '';
}
