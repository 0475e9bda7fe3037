import { parseArgs } from 'node:util';
import { integer, parseConfig, type RedisServers, redisConfig, redisServers, UserError } from '@chat-cluster/runtime';
import { z } from 'zod';

export const HELP = `npm run doctor -- --url https://chat.example.com

Looks at a deployment and names what is wrong with it, each with its fix. Exit code 1: a check failed.

From outside, through the entry that clients use (--url; default: the cluster that runs on DATA_DIR):
  affinity, websockets, idle time-outs, tokens, clock, what is public that should not be
From inside, with the environment of the services (DATABASE_URL, REDIS_URL and the others, JWT_SECRET, LANES, PG_POOL_SIZE;
default: of the cluster that runs on DATA_DIR):
  Redis: version, adapter, eviction, persistence, cluster, clock; lanes and who serves them
  Postgres: version, migrations, durability, connections, clock; secret, grace period

  --url URL         of the entry, as clients write it
  --token TOKEN     of a user, for the entry; default: one is made with JWT_SECRET, for a user named "doctor"
  --idle SECONDS    for how long idle connections are held (default 30: a ping comes every 25 s)
  --gateways N      gateway processes at the most, for the connections to Postgres; default: those that are there now
  --workers N       the same of workers
  --grace SECONDS   terminationGracePeriodSeconds of the pods
  --json            findings as JSON
`;

/** What is looked at, and how. */
export interface Subject {
  /** Without a slash at its end. */
  url: string | undefined;
  token: string | undefined;
  idleMs: number;
  gateways: number | undefined;
  workers: number | undefined;
  graceMs: number | undefined;
  json: boolean;
  redis: (RedisServers & { adapter: 'sharded' | 'classic' }) | undefined;
  databaseUrl: string | undefined;
  lanes: number;
  poolSize: { gateway: number; worker: number };
  secret: string | undefined;
  claims: { issuer: string | undefined; audience: string | undefined; user: string };
  /** From SIGTERM to the end, at the most. */
  stopMs: number;
}

/** The defaults of services/gateway/src/config.ts and services/worker/src/config.ts. */
const environment = z.object({
  ...redisConfig.shape,
  DATABASE_URL: z.string().optional(),
  LANES: integer(1, 256, 4),
  PG_POOL_SIZE: z.coerce.number().int().positive().optional(),
  JWT_SECRET: z.string().optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  JWT_USER_CLAIM: z.string().default('sub'),
  SHUTDOWN_TIMEOUT_MS: integer(0, 600_000, 7_000),
  DRAIN_DELAY_MS: integer(0, 600_000, 5_000),
  DRAIN_WINDOW_MS: integer(0, 3_600_000, 30_000),
});

const GATEWAY_POOL = 5;
const WORKER_POOL = 8;

/** Undefined when help was asked for. Throws UserError or ConfigError for what can not be used. */
export function readSubject(args: string[], env: NodeJS.ProcessEnv): Subject | undefined {
  const flags = flagsOf(args);
  if (flags.help) return undefined;
  const config = parseConfig(environment, env);
  const redisIsKnown = ['REDIS_URL', 'REDIS_PUBSUB_URL', 'REDIS_QUEUE_URLS', 'REDIS_CACHE_URL'].some(
    (name) => env[name],
  );
  return {
    url: flags.url === undefined ? undefined : entryOf(flags.url),
    token: flags.token,
    idleMs: number('idle', flags.idle, 1, 600, 30) * 1_000,
    gateways: flags.gateways === undefined ? undefined : number('gateways', flags.gateways, 1, 10_000, 1),
    workers: flags.workers === undefined ? undefined : number('workers', flags.workers, 1, 10_000, 1),
    graceMs: flags.grace === undefined ? undefined : number('grace', flags.grace, 1, 3_600, 1) * 1_000,
    json: flags.json === true,
    redis: redisIsKnown ? { ...redisServers(config), adapter: config.REDIS_ADAPTER } : undefined,
    databaseUrl: config.DATABASE_URL,
    lanes: config.LANES,
    poolSize: { gateway: config.PG_POOL_SIZE ?? GATEWAY_POOL, worker: config.PG_POOL_SIZE ?? WORKER_POOL },
    secret: config.JWT_SECRET,
    claims: { issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE, user: config.JWT_USER_CLAIM },
    stopMs: config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS + config.SHUTDOWN_TIMEOUT_MS,
  };
}

function flagsOf(args: string[]) {
  const text = { type: 'string' } as const;
  const yes = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args,
      options: {
        help: { ...yes, short: 'h' },
        json: yes,
        url: text,
        token: text,
        idle: text,
        gateways: text,
        workers: text,
        grace: text,
      },
    }).values;
  } catch (error) {
    throw new UserError(`${(error as Error).message.split('. ')[0]}; try --help.`);
  }
}

function entryOf(text: string): string {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  throw new UserError('--url must be the address of the entry, such as https://chat.example.com.');
}

function number(name: string, text: string | undefined, min: number, max: number, fallback: number): number {
  const value = Number(text ?? fallback);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UserError(`--${name} must be a whole number from ${min} to ${max}, not "${text}".`);
}
