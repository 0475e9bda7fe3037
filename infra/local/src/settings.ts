import { readDataDir } from '@chat-cluster/local-cluster';
import { commonConfig, integer, pageOrigins, parseConfig, redisConfig, text } from '@chat-cluster/runtime';
import { z } from 'zod';

/** The settings of `npm start`. All other variables are passed on to the services, which check them. */
export const startSettings = z.object({
  PORT: integer(0, 65_535, 3_000),
  GATEWAY_PROCESSES: integer(1, 64, 2),
  WORKERS: integer(1, 64, 1),
  LANES: commonConfig.shape.LANES,
  DATABASE_URL: commonConfig.shape.DATABASE_URL.optional(),
  REDIS_URL: redisConfig.shape.REDIS_URL,
  JWT_SECRET: text().optional(),
  ALLOWED_ORIGINS: pageOrigins().optional(),
  DATA_DIR: text().optional(),
});

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

/** Reads the environment. Throws ConfigError, a UserError, that lists every wrong variable. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const config = parseConfig(startSettings, env);
  return {
    port: config.PORT,
    gatewayProcesses: config.GATEWAY_PROCESSES,
    workers: config.WORKERS,
    lanes: config.LANES,
    databaseUrl: config.DATABASE_URL,
    redisUrl: config.REDIS_URL,
    jwtSecret: config.JWT_SECRET,
    allowedOrigins: config.ALLOWED_ORIGINS?.toString(),
    dataDir: readDataDir(env),
  };
}
