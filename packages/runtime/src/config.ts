import { z } from 'zod';

/** A configuration that can not be used: the message lists every problem at once, one line each, with its variable. */
export class ConfigError extends Error {
  constructor(problems: string[]) {
    super(`The configuration can not be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Parses environment variables once, at the start of a process. An empty variable counts as absent, as in most shells'
 * `NAME= command`. Returns a frozen object; throws {@link ConfigError}.
 */
export function parseConfig<T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): Readonly<z.output<T>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(present);
  if (result.success) return Object.freeze(result.data);
  throw new ConfigError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
}

/** A whole number in a closed interval. */
export function integer(min: number, max: number, fallback: number) {
  return z.coerce.number(`must be a whole number from ${min} to ${max}`).int().min(min).max(max).default(fallback);
}

/** `true` or `false`. */
export function flag(fallback: boolean) {
  return z
    .enum(['true', 'false'])
    .default(fallback ? 'true' : 'false')
    .transform((value) => value === 'true');
}

const REDIS_FORMS = 'must be a redis://, rediss:// or redis+sentinel:// URL';

/** What every process of the cluster reads. */
export const commonConfig = z.object({
  NODE_ENV: z.enum(['production', 'development', 'test']).default('development'),
  HOST: z.string().default('0.0.0.0'),
  DATABASE_URL: z.string('must be a postgres:// URL').regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL'),
  REDIS_URL: z.string(REDIS_FORMS).regex(/^(rediss?|redis\+sentinel):\/\//, REDIS_FORMS),
  /** Partitions of the inbox. Gateways and workers must agree: see packages/queue/src/lanes.ts. */
  LANES: integer(1, 256, 4),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['pretty', 'json']).optional(),
  /** Milliseconds from SIGTERM to a forced exit. Keep it below the pod's terminationGracePeriodSeconds. */
  SHUTDOWN_TIMEOUT_MS: integer(500, 600_000, 7_000),
});

const SECRET = /SECRET|URL|PASSWORD|TOKEN/;

/** The configuration for the start-up log line: credentials are masked, whatever the variable is called. */
export function redactConfig(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, typeof value === 'string' ? mask(name, value) : value]),
  );
}

function mask(name: string, value: string): string {
  const url = URL.parse(value);
  if (!SECRET.test(name) && !url?.username && !url?.password) return value;
  return url?.host ? `${url.protocol}//${url.host}${url.pathname}` : '[redacted]';
}
