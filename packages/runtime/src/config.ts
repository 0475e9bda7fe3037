import { z } from 'zod';
import { adminConfig } from './admin-config.ts';
import { UserError } from './run-main.ts';
import { postgresUrl, pubsubUrl, redisUrl, redisUrls } from './server-url.ts';
import { clusterName, flag, httpUrl, integer, milliseconds, oneOf, share, text } from './setting.ts';

/** An invalid configuration. The message lists all problems, one line each, with the variable. */
export class ConfigError extends UserError {
  override name = 'ConfigError';

  constructor(problems: string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** Reports a problem of a variable; `message` continues a sentence that begins with the variable. */
export type ReportProblem<Name> = (variable: Name, message: string) => void;

/**
 * Parses environment variables. An empty one (`NAME= command`) counts as absent. `check` reports problems of several
 * variables together; a variable that has a problem of its own keeps its text there, and gets no second problem. Throws
 * {@link ConfigError} with all problems at once.
 */
export function parseConfig<T extends z.ZodObject>(
  schema: T,
  env: NodeJS.ProcessEnv,
  check?: (config: z.output<T>, problem: ReportProblem<keyof z.output<T> & string>) => void,
): Readonly<z.output<T>> {
  const values: Record<string, unknown> = {};
  const problems = new Map<string, string>();
  for (const [name, field] of Object.entries(schema.shape)) {
    const given = env[name] || undefined;
    const result = z.safeParse(field, given);
    if (!result.success) problems.set(name, result.error.issues[0]?.message ?? 'cannot be used');
    const value = result.success ? result.data : given;
    if (value !== undefined) values[name] = value;
  }
  const config = values as z.output<T>;
  check?.(config, (name, message) => void (problems.has(name) || problems.set(name, message)));
  if (problems.size === 0) return Object.freeze(config);
  throw new ConfigError([...problems].map(([name, message]) => `${name}: ${message}`));
}

/** The Redis servers and their roles, see {@link redisServers}. */
export const redisConfig = z.object({
  /**
   * Where the names of all keys and channels begin (packages/redis/src/cluster-name.ts), `chat` by default. Each of the
   * clusters that share a Redis needs its own.
   */
  CLUSTER_NAME: clusterName().optional(),
  /** Server of every role that has no URL of its own below. */
  REDIS_URL: redisUrl().optional(),
  /** Emits and replies. May be a Redis Cluster. */
  REDIS_PUBSUB_URL: pubsubUrl().optional(),
  /** Comma-separated servers of the lanes: lane i is on server i modulo their number. All processes must agree. */
  REDIS_QUEUE_URLS: redisUrls().optional(),
  /** Recent messages, presence and the registry of gateways. */
  REDIS_CACHE_URL: redisUrl().optional(),
  /** `classic` is for a Redis older than 7: every gateway receives every emit. All processes must agree. */
  REDIS_ADAPTER: oneOf(['sharded', 'classic']).default('sharded'),
});

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'] as const;
const COLLECTOR = 'http://collector.internal:4318';

/** Standard variables of OpenTelemetry. The exporter itself reads those for headers, certificates and its time-out. */
export const tracingConfig = z.object({
  /** `true` turns tracing off, whatever else is set. */
  OTEL_SDK_DISABLED: flag().optional(),
  OTEL_TRACES_EXPORTER: oneOf(['otlp', 'none']).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl(COLLECTOR).optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl(`${COLLECTOR}/v1/traces`).optional(),
  /** The two that collectors accept on port 4318. */
  OTEL_EXPORTER_OTLP_PROTOCOL: oneOf(['http/protobuf', 'http/json']).optional(),
  OTEL_SERVICE_NAME: text().optional(),
  OTEL_TRACES_SAMPLER: oneOf([...SAMPLERS, ...SAMPLERS.map((name) => `parentbased_${name}` as const)]).optional(),
  /** Share of the traces that begin here which is sampled, from 0 to 1. */
  OTEL_TRACES_SAMPLER_ARG: share().optional(),
  /** Longest time that ended spans wait for others before they are sent together, in ms. */
  OTEL_BSP_SCHEDULE_DELAY: milliseconds(0, 3_600_000, 5_000).unwrap().optional(),
});

export type TracingConfig = z.output<typeof tracingConfig>;

/** The settings of every process of the cluster. */
export const commonConfig = z.object({
  ...adminConfig.shape,
  DATABASE_URL: postgresUrl(),
  ...redisConfig.shape,
  ...tracingConfig.shape,
  /** Partitions of the inbox. Gateways and workers must agree: see packages/queue/src/lanes.ts. */
  LANES: integer(1, 256, 4),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_FORMAT: oneOf(['pretty', 'json']).optional(),
  /**
   * Time from the end of the drain (a worker has none) to a forced exit, in ms. A pod's terminationGracePeriodSeconds
   * must be longer than its preStop hook, the drain and this time together.
   */
  SHUTDOWN_TIMEOUT_MS: milliseconds(500, 600_000, 7_000),
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
  const problems: string[] = [];
  checkRedis(config, (name, message) => problems.push(`${name}: ${message}`));
  const { pubsub, queues, cache } = serversOf(config);
  if (problems.length > 0 || !pubsub || !queues || !cache) throw new ConfigError(problems);
  return { pubsub, queues, cache };
}

/** Part of the check of a service: each role has a server that can serve it. */
export function checkRedis(config: RedisConfig, problem: ReportProblem<keyof RedisConfig>): void {
  const { pubsub, queues, cache } = serversOf(config);
  if (pubsub === undefined || queues === undefined || cache === undefined) {
    problem('REDIS_URL', 'is required, unless REDIS_PUBSUB_URL, REDIS_QUEUE_URLS and REDIS_CACHE_URL are all set');
  }
  if (queues && new Set(queues).size < queues.length) problem('REDIS_QUEUE_URLS', 'names a server twice');
  if (config.REDIS_ADAPTER === 'classic' && /\+cluster:/.test(pubsub ?? '')) {
    problem(
      'REDIS_ADAPTER',
      'must be sharded on a Redis Cluster, which sends every message of classic pub/sub to every server',
    );
  }
  const numbered = [pubsub, ...(queues ?? []), cache].find((url) => url !== undefined && hasDatabaseNumber(url));
  if (numbered === undefined || config.CLUSTER_NAME !== undefined) return;
  const [variable] = redisSetting(config, numbered).split('[') as [keyof RedisConfig];
  problem(
    variable,
    'has a database number, which Redis ignores in pub/sub: remove it, or set CLUSTER_NAME too, to another name for each cluster of this Redis',
  );
}

function serversOf(config: RedisConfig): Partial<RedisServers> {
  const { REDIS_URL: fallback, REDIS_PUBSUB_URL: pubsub = fallback, REDIS_CACHE_URL: cache = fallback } = config;
  const queues = config.REDIS_QUEUE_URLS ?? (fallback === undefined ? undefined : [fallback]);
  return { ...(pubsub && { pubsub }), ...(queues && { queues }), ...(cache && { cache }) };
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
