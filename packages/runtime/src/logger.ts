import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

/** Fields that are masked in every log line, at the top and up to two levels deep. */
const SECRETS = ['token', 'authorization', 'cookie', 'content', 'attachments', 'password', 'secret'];
/** Fields of a Postgres error that quote whole rows, and values that Postgres could not parse. */
const QUOTES = ['detail', 'where'];

/**
 * The logger of a process: readable on a terminal, JSON lines otherwise, unless `format` states one. Tokens, cookies,
 * authorisation headers and message bodies are masked even when an object that contains them is logged, or an error of
 * Postgres that quotes them.
 */
export function createLogger(options: { name: string; level: string; format: 'pretty' | 'json' | undefined }): Logger {
  const readable = options.format === 'pretty' || (options.format === undefined && process.stdout.isTTY);
  return pino(
    {
      name: options.name,
      level: options.level,
      redact: {
        paths: [...SECRETS, ...QUOTES].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
      base: { pid: process.pid },
    },
    readable
      ? pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' })
      : pino.destination({ sync: false }),
  );
}
