import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

/**
 * The process's logger: readable on a terminal, JSON lines otherwise (or as LOG_FORMAT says). Tokens, cookies,
 * authorisation headers and message bodies are masked even when someone logs the object that holds them, or an error of
 * Postgres that quotes them.
 */
export function createLogger(options: { name: string; level: string; format: 'pretty' | 'json' | undefined }): Logger {
  const secrets = ['token', 'authorization', 'cookie', 'content', 'attachments', 'password', 'secret'];
  // In an error of Postgres: whole rows, and values that it could not read.
  const quotes = ['detail', 'where'];
  const readable = options.format === 'pretty' || (options.format === undefined && process.stdout.isTTY);
  return pino(
    {
      name: options.name,
      level: options.level,
      redact: {
        paths: [...secrets, ...quotes].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
      base: { pid: process.pid },
    },
    readable
      ? pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' })
      : pino.destination({ sync: false }),
  );
}
