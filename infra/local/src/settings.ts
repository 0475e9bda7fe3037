import { isAbsolute, join } from 'node:path';
import { defaultDataFolder, repository } from './repository.ts';
import { UserError } from './user-error.ts';

/** What `npm start` lets people set. */
export interface Settings {
  port: number;
  gatewayProcesses: number;
  workers: number;
  lanes: number;
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  jwtSecret: string | undefined;
  allowedOrigins: string | undefined;
  /** Absolute path. */
  dataDir: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Adds the variables of the repository's `.env`, if there is one; a variable that is set already stays. */
export function loadEnvFile(): void {
  try {
    process.loadEnvFile(join(repository, '.env'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw new UserError(`The file .env cannot be read: ${message}.`);
  }
}

/** Reads the environment; an empty variable counts as absent. Throws UserError with the first variable that is wrong. */
export function readSettings(env: Environment): Settings {
  return {
    port: wholeNumber(env, 'PORT', 0, 65_535, 3_000),
    gatewayProcesses: wholeNumber(env, 'GATEWAY_PROCESSES', 1, 64, 2),
    workers: wholeNumber(env, 'WORKERS', 1, 64, 1),
    lanes: wholeNumber(env, 'LANES', 1, 256, 4),
    databaseUrl: url(env, 'DATABASE_URL', /^postgres(ql)?:\/\/./, 'postgres://user:password@host:5432/chat'),
    redisUrl: url(env, 'REDIS_URL', /^(rediss?|redis\+sentinel):\/\/./, 'redis://:password@host:6379'),
    jwtSecret: env.JWT_SECRET || undefined,
    allowedOrigins: env.ALLOWED_ORIGINS || undefined,
    dataDir: readDataDir(env),
  };
}

/** DATA_DIR; a relative one counts from the repository, wherever the command was called. */
export function readDataDir(env: Environment): string {
  const wanted = env.DATA_DIR || defaultDataFolder;
  return isAbsolute(wanted) ? wanted : join(repository, wanted);
}

function wholeNumber(env: Environment, name: string, min: number, max: number, fallback: number): number {
  const text = env[name] || String(fallback);
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UserError(`${name} must be a whole number from ${min} to ${max}, not "${text}".`);
}

function url(env: Environment, name: string, form: RegExp, example: string): string | undefined {
  const text = env[name];
  if (!text) return undefined;
  if (form.test(text)) return text;
  // Not repeated back: it may carry a password.
  throw new UserError(`${name} is not a URL of the form ${example}.`);
}
