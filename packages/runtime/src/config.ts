import { z } from 'zod';
import { adminConfig } from './admin-config.ts';
import { UserError } from './run-main.ts';

/** An invalid configuration. The message lists all problems, one line each, with the variable. */
export class ConfigError extends UserError {
  override name = 'ConfigError';

  constructor(problems: string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** Parses environment variables. An empty one (`NAME= command`) counts as absent. Throws {@link ConfigError}. */
export function parseConfig<T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): Readonly<z.output<T>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(present);
  if (result.success) return Object.freeze(result.data);
  throw new ConfigError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
}

/** A variable that is a whole number from `min` to `max`. */
export function integer(min: number, max: number, fallback: number) {
  return z.coerce.number(`must be a whole number from ${min} to ${max}`).int().min(min).max(max).default(fallback);
}

/** A variable that is `true` or `false`. */
export function flag(fallback: boolean) {
  return z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .default(fallback);
}

const REDIS_FORMS = 'must be a redis:// or redis+sentinel:// URL, with rediss for TLS';
const REDIS_FORM = /^rediss?(\+sentinel)?:\/\/./;
const PUBSUB_FORMS = 'must be a redis://, redis+sentinel:// or redis+cluster:// URL, with rediss for TLS';
const PUBSUB_FORM = /^rediss?(\+sentinel|\+cluster)?:\/\/./;
/** A comma that separates two URLs. Commas within a URL separate its hosts. */
const BETWEEN_URLS = /\s*,\s*(?=rediss?(?:\+\w+)?:\/\/)/;

/** The Redis servers and their roles, see {@link redisServers}. */
export const redisConfig = z.object({
  /**
   * Where the names of all keys and channels begin (packages/redis/src/cluster-name.ts), `chat` by default. Each of the
   * clusters that share a Redis needs its own.
   */
  CLUSTER_NAME: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 characters from a-z, 0-9 and -')
    .optional(),
  /** Server of every role that has no URL of its own below. */
  REDIS_URL: z.string().regex(REDIS_FORM, REDIS_FORMS).optional(),
  /** Emits and replies. May be a Redis Cluster. */
  REDIS_PUBSUB_URL: z.string().regex(PUBSUB_FORM, PUBSUB_FORMS).optional(),
  /** Comma-separated servers of the lanes: lane i is on server i modulo their number. All processes must agree. */
  REDIS_QUEUE_URLS: z
    .string()
    .transform((list) => list.trim().split(BETWEEN_URLS))
    .pipe(z.array(z.string().regex(REDIS_FORM, `each ${REDIS_FORMS}`)))
    .optional(),
  /** Recent messages, presence and the registry of gateways. */
  REDIS_CACHE_URL: z.string().regex(REDIS_FORM, REDIS_FORMS).optional(),
  /** `classic` is for a Redis older than 7: every gateway receives every emit. All processes must agree. */
  REDIS_ADAPTER: z.enum(['sharded', 'classic']).default('sharded'),
});

const httpUrl = z.string().regex(/^https?:\/\/./, 'must be an http:// or https:// URL');
const SAMPLERS = ['always_on', 'always_off', 'traceidratio'] as const;

/** Standard variables of OpenTelemetry. The exporter itself reads those for headers, certificates and its time-out. */
export const tracingConfig = z.object({
  /** `true` turns tracing off, whatever else is set. */
  OTEL_SDK_DISABLED: z.stringbool('must be true or false').optional(),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'must be otlp or none').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf', 'http/json'], 'must be http/protobuf or http/json, which collectors accept on port 4318')
    .optional(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_TRACES_SAMPLER: z.enum([...SAMPLERS, ...SAMPLERS.map((name) => `parentbased_${name}` as const)]).optional(),
  /** Share of the traces that begin here which is sampled, from 0 to 1. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number('must be a number from 0 to 1').min(0).max(1).optional(),
  /** Longest time that ended spans wait for others before they are sent together, in ms. */
  OTEL_BSP_SCHEDULE_DELAY: z.coerce.number('must be a number of milliseconds').int().min(0).optional(),
});

export type TracingConfig = z.output<typeof tracingConfig>;

/** The settings of every process of the cluster. */
export const commonConfig = z.object({
  ...adminConfig.shape,
  DATABASE_URL: z.string('must be a postgres:// URL').regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL'),
  ...redisConfig.shape,
  ...tracingConfig.shape,
  /** Partitions of the inbox. Gateways and workers must agree: see packages/queue/src/lanes.ts. */
  LANES: integer(1, 256, 4),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['pretty', 'json']).optional(),
  /**
   * Time from the end of the drain (a worker has none) to a forced exit, in ms. A pod's terminationGracePeriodSeconds
   * must be longer than its preStop hook, the drain and this time together.
   */
  SHUTDOWN_TIMEOUT_MS: integer(500, 600_000, 7_000),
});

export type RedisConfig = z.output<typeof redisConfig>;

/** The URL of the Redis of each role. */
export interface RedisServers {
  pubsub: string;
  /** At least one, all different. */
  queues: string[];
  cache: string;
}

/** Throws {@link ConfigError} when a role has no server, or a server that cannot serve it. */
export function redisServers(config: RedisConfig): RedisServers {
  const { REDIS_URL: fallback, REDIS_PUBSUB_URL: pubsub = fallback, REDIS_CACHE_URL: cache = fallback } = config;
  const queues = config.REDIS_QUEUE_URLS ?? (fallback === undefined ? undefined : [fallback]);
  if (pubsub === undefined || queues === undefined || cache === undefined) {
    throw new ConfigError([
      'REDIS_URL: is required, unless REDIS_PUBSUB_URL, REDIS_QUEUE_URLS and REDIS_CACHE_URL are all set',
    ]);
  }
  if (new Set(queues).size < queues.length) throw new ConfigError(['REDIS_QUEUE_URLS: names a server twice']);
  if (config.REDIS_ADAPTER === 'classic' && /\+cluster:/.test(pubsub)) {
    throw new ConfigError([
      'REDIS_ADAPTER: must be sharded on a Redis Cluster, which sends every message of classic pub/sub to every server',
    ]);
  }
  const numbered = [pubsub, ...queues, cache].find(hasDatabaseNumber);
  if (numbered && config.CLUSTER_NAME === undefined) {
    throw new ConfigError([
      `${redisSetting(config, numbered)}: has a database number, which Redis ignores in pub/sub: remove it, or set CLUSTER_NAME too, to another name for each cluster of this Redis`,
    ]);
  }
  return { pubsub, queues, cache };
}

/** True for `redis://host/1` and `redis+sentinel://host/group?db=1`. */
function hasDatabaseNumber(url: string): boolean {
  return /\+sentinel:/.test(url) ? /[?&]db=0*[1-9]/.test(url) : /^rediss?:\/\/[^/?]*\/0*[1-9]/.test(url);
}

/** The variable that contains the URL of a Redis server, for log lines: `REDIS_URL`, `REDIS_QUEUE_URLS[1]`. */
export function redisSetting(config: RedisConfig, url: string): string {
  const names = ['REDIS_URL', 'REDIS_PUBSUB_URL', 'REDIS_CACHE_URL'] as const;
  const index = config.REDIS_QUEUE_URLS?.indexOf(url);
  return names.find((name) => config[name] === url) ?? `REDIS_QUEUE_URLS[${index}]`;
}

const SECRET = /SECRET|URL|PASSWORD|TOKEN/;

/** The configuration for the start-up log line: credentials are masked, whatever the name of the variable. */
export function redactConfig(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, redacted(name, value)]));
}

function redacted(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => redacted(name, one));
  if (typeof value !== 'string') return value;
  const url = URL.parse(value);
  if (!SECRET.test(name) && !url?.username && !url?.password) return value;
  return url?.host ? `${url.protocol}//${url.host}${url.pathname}` : '[redacted]';
}
