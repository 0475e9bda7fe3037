import { gatewaySettings } from '@chat-cluster/gateway/config';
import {
  isLoopback,
  parseConfig,
  parseOptions,
  type RedisServers,
  redisConfig,
  redisServers,
  wholeNumber,
} from '@chat-cluster/runtime';
import { workerSettings } from '@chat-cluster/worker/config';
import { z } from 'zod';

export const HELP = `npm run doctor -- --url https://chat.example.com

Checks a deployment for common misconfigurations and prints each finding with its fix. Exit code 1: a check failed.

From outside, through the entry that clients use (--url; default: the cluster that runs on DATA_DIR):
  TLS, session affinity, websockets, idle time-outs, tokens, origins, clock, paths that must not be public
From inside, with the environment of the services (DATABASE_URL, REDIS_URL and the other REDIS_… settings, CLUSTER_NAME, JWT_SECRET, LANES,
PG_POOL_SIZE, MAX_GROUP_MEMBERS, MAX_GROUPS_PER_USER; default: the settings of the cluster that runs on DATA_DIR):
  Redis: version, adapter, eviction, persistence, cluster state, clock, lanes, workers and their limits
  Postgres: version, migrations, durability, connections, clock, groups above the limits
  JWT secret, public keys, admin token, grace period, keep-alive
From inside, at the admin port of a gateway (--admin): its protection, TRUSTED_HOPS

  --url URL         address of the entry, as clients use it
  --admin URL       admin port of a gateway, for example http://127.0.0.1:9090 (kubectl port-forward)
  --token TOKEN     token of a user; default: signed with JWT_SECRET for a user named "doctor"
  --idle SECONDS    how long idle connections are kept open (default 30; gateways send a ping every 25 s)
  --gateways N      largest number of gateway processes, to add up Postgres connections; default: those running now
  --workers N       largest number of workers, likewise
  --grace SECONDS   terminationGracePeriodSeconds of the pods
  --json            print the findings as JSON
`;

/** The deployment to check and the options of the checks. */
export interface Deployment {
  /** Address of the entry, without a trailing slash. */
  url: string | undefined;
  /** Token of a user, given on the command line. */
  token: string | undefined;
  /** Address of the admin port of a gateway, without a trailing slash. */
  adminUrl: string | undefined;
  /** Whether users depend on it: by NODE_ENV, or because its entry is not on this machine. */
  isProduction: boolean;
  idleMs: number;
  /** Largest number of processes, where given. */
  gateways: number | undefined;
  workers: number | undefined;
  graceMs: number | undefined;
  json: boolean;
  redis: (RedisServers & { adapter: 'sharded' | 'classic' }) | undefined;
  databaseUrl: string | undefined;
  lanes: number;
  /** Postgres connections of one process. */
  poolSize: { gateway: number; worker: number };
  /** Most members of a group, and most groups of a user, that the workers allow. */
  groups: { members: number; perUser: number };
  secret: string | undefined;
  /** JWT_KEYS_FILE, JWT_PROBER_KEYS_FILE and JWT_JWKS_URL. */
  keySources: string[];
  adminHost: string;
  adminToken: string | undefined;
  claims: { issuer: string | undefined; audience: string | undefined; user: string };
  /** How long a gateway keeps an idle HTTP connection. */
  keepAliveMs: number;
  /** Maximum time from SIGTERM to the exit of a gateway. */
  stopMs: number;
}

/** A deployment whose entry is known. */
export type Entry = Deployment & { url: string };

const ENTRY = 'must be the address of the entry, such as https://chat.example.com';

const address = (problem: string) =>
  z
    .string()
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), problem)
    .transform(withoutTrailingSlash)
    .optional();

const options = z.object({
  url: address(ENTRY),
  admin: address('must be the address of an admin port, such as http://127.0.0.1:9090'),
  token: z.string().optional(),
  idle: wholeNumber(1, 600).default(30),
  gateways: wholeNumber(1, 10_000).optional(),
  workers: wholeNumber(1, 10_000).optional(),
  grace: wholeNumber(1, 3_600).optional(),
  json: z.boolean().default(false),
});

/** The settings that the checks use, with the defaults of the services. None of them is required. */
const settings = gatewaySettings
  .pick({
    DATABASE_URL: true,
    LANES: true,
    PG_POOL_SIZE: true,
    NODE_ENV: true,
    ADMIN_HOST: true,
    HTTP_KEEP_ALIVE_MS: true,
    ADMIN_TOKEN: true,
    JWT_SECRET: true,
    JWT_KEYS_FILE: true,
    JWT_PROBER_KEYS_FILE: true,
    JWT_JWKS_URL: true,
    JWT_ISSUER: true,
    JWT_AUDIENCE: true,
    JWT_USER_CLAIM: true,
    DRAIN_DELAY_MS: true,
    DRAIN_WINDOW_MS: true,
    SHUTDOWN_TIMEOUT_MS: true,
  })
  .partial({ DATABASE_URL: true, JWT_SECRET: true })
  .extend(redisConfig.shape);

/** Undefined when help is requested. Throws UserError or ConfigError with every wrong option or setting. */
export function readDeployment(args: readonly string[], env: NodeJS.ProcessEnv): Deployment | undefined {
  const values = parseOptions(args, options)?.values;
  if (!values) return undefined;
  const config = parseConfig(settings, env);
  const worker = parseConfig(
    workerSettings.pick({ PG_POOL_SIZE: true, MAX_GROUP_MEMBERS: true, MAX_GROUPS_PER_USER: true }),
    env,
  );
  const { REDIS_URL, REDIS_PUBSUB_URL, REDIS_QUEUE_URLS, REDIS_CACHE_URL } = config;
  const redisIsKnown = REDIS_URL ?? REDIS_PUBSUB_URL ?? REDIS_QUEUE_URLS ?? REDIS_CACHE_URL;
  return {
    url: values.url,
    token: values.token,
    adminUrl: values.admin,
    isProduction: config.NODE_ENV === 'production' || (values.url !== undefined && !isLocal(values.url)),
    idleMs: values.idle * 1_000,
    gateways: values.gateways,
    workers: values.workers,
    graceMs: values.grace === undefined ? undefined : values.grace * 1_000,
    json: values.json,
    redis: redisIsKnown === undefined ? undefined : { ...redisServers(config), adapter: config.REDIS_ADAPTER },
    databaseUrl: config.DATABASE_URL,
    lanes: config.LANES,
    poolSize: { gateway: config.PG_POOL_SIZE, worker: worker.PG_POOL_SIZE },
    groups: { members: worker.MAX_GROUP_MEMBERS, perUser: worker.MAX_GROUPS_PER_USER },
    secret: config.JWT_SECRET,
    keySources: [config.JWT_KEYS_FILE, config.JWT_PROBER_KEYS_FILE, config.JWT_JWKS_URL].filter(
      (source) => source !== undefined,
    ),
    adminHost: config.ADMIN_HOST,
    adminToken: config.ADMIN_TOKEN,
    claims: { issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE, user: config.JWT_USER_CLAIM },
    keepAliveMs: config.HTTP_KEEP_ALIVE_MS,
    stopMs: config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS + config.SHUTDOWN_TIMEOUT_MS,
  };
}

/** Whether the address is of this machine. */
export function isLocal(url: string): boolean {
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}

function withoutTrailingSlash(text: string): string {
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
}
