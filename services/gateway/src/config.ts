import { hostname } from 'node:os';
import { commonConfig, flag, integer, parseConfig } from '@chat-cluster/runtime';
import { z } from 'zod';

const DEVELOPMENT_SECRET_LENGTH = 1;
/** HS256 needs a key of at least 256 bits (RFC 7518, 3.2). */
const PRODUCTION_SECRET_LENGTH = 32;

export const gatewaySettings = commonConfig.extend({
  GATEWAY_NAME: z.string().default(hostname()),
  /** 0 takes a free port. */
  PORT: integer(0, 65_535, 3_000),
  /** Listener of /healthz, /readyz, /metrics and POST /drain; 0 takes a free port. */
  ADMIN_PORT: integer(0, 65_535, 9_090),
  /** Milliseconds from the end of readiness until sockets are moved: for as long the load balancer still sends new ones. */
  DRAIN_DELAY_MS: integer(0, 600_000, 5_000),
  /** Milliseconds over which sockets are moved, at the most; 0: all at once. */
  DRAIN_WINDOW_MS: integer(0, 3_600_000, 30_000),
  /** More than one: this process supervises so many forks behind a sticky entry. */
  GATEWAY_PROCESSES: integer(1, 128, 1),
  JWT_SECRET: z.string().min(DEVELOPMENT_SECRET_LENGTH),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  /** The claim that holds the user id. */
  JWT_USER_CLAIM: z.string().default('sub'),
  ALLOW_QUERY_TOKEN: flag(true),
  /** Comma-separated exact origins, or `*`. Default: any outside production, none cross-origin in production. */
  ALLOWED_ORIGINS: z
    .string()
    .transform((list) =>
      list.trim() === '*'
        ? ('*' as const)
        : list
            .split(',')
            .map((origin) => origin.trim())
            .filter(Boolean),
    )
    .optional(),
  PG_POOL_SIZE: integer(1, 100, 5),
  /** Events of one connection: sustained per second, and at once. Past it RATE_LIMITED. */
  RATE_LIMIT_PER_SECOND: integer(1, 1_000_000, 200),
  RATE_LIMIT_BURST: integer(1, 1_000_000, 3_000),
  /** REST requests of one user, per process: sustained per second, and at once. Past it RATE_LIMITED. */
  HTTP_RATE_LIMIT_PER_SECOND: integer(1, 1_000_000, 100),
  HTTP_RATE_LIMIT_BURST: integer(1, 1_000_000, 500),
  /**
   * New sockets per second and process, at most. How many it really is the process finds out (socket/admission.ts); who
   * comes faster waits in line for up to 8 s, who would wait longer hears 503.
   */
  CONNECTS_PER_SECOND: integer(1, 1_000_000, 2_000),
  /** Sockets of one process; past it 503. 0: no limit. */
  MAX_CONNECTIONS: integer(0, 10_000_000, 50_000),
  /**
   * Of those, connections that have not authenticated (yet), in line or past it: room for all clients of another gateway
   * at once, and a bound for strangers.
   */
  MAX_UNAUTHENTICATED: integer(1, 10_000_000, 10_000),
  /**
   * What one client may leave unread before it is cut, in bytes and in packets. Above the largest answer, that of
   * `sync` (about 1.5 MB), and above what RATE_LIMIT_BURST events bring their sender (an ack and a message each), or a
   * slow reader would be cut for asking.
   */
  WRITE_BUFFER_MAX_BYTES: integer(65_536, 1_073_741_824, 4_194_304),
  WRITE_BUFFER_MAX_PACKETS: integer(16, 1_000_000, 10_000),
  /**
   * Largest packet or request of a client, in bytes. Above the largest legal message, so that a text of 1 MB is still
   * answered with a coded error instead of a cut connection.
   */
  MAX_PACKET_BYTES: integer(16_384, 16_777_216, 1_200_000),
});

export type GatewayConfig = Omit<z.output<typeof gatewaySettings>, 'ALLOWED_ORIGINS'> & {
  ALLOWED_ORIGINS: '*' | string[];
};

export function loadConfig(env: NodeJS.ProcessEnv): Readonly<GatewayConfig> {
  const config = parseConfig(gatewaySettings.superRefine(checkProduction), env);
  return Object.freeze({
    ...config,
    ALLOWED_ORIGINS: config.ALLOWED_ORIGINS ?? (config.NODE_ENV === 'production' ? [] : ('*' as const)),
  });
}

/** Milliseconds from SIGTERM to the exit, at the most. A pod's grace is to be longer than its preStop and this. */
export function longestEndMs(config: GatewayConfig): number {
  return config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS + config.SHUTDOWN_TIMEOUT_MS;
}

function checkProduction(config: z.output<typeof gatewaySettings>, context: z.RefinementCtx): void {
  if (config.NODE_ENV !== 'production' || config.JWT_SECRET.length >= PRODUCTION_SECRET_LENGTH) return;
  context.addIssue({
    code: 'custom',
    path: ['JWT_SECRET'],
    message: `must have at least ${PRODUCTION_SECRET_LENGTH} characters in production, e.g. from: openssl rand -hex 32`,
  });
}
