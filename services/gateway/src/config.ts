import { hostname } from 'node:os';
import { commonConfig, flag, integer, parseConfig } from '@chat-cluster/runtime';
import { z } from 'zod';

/** HS256 needs a key of at least 256 bits (RFC 7518, 3.2). */
const PRODUCTION_SECRET_LENGTH = 32;

/** The settings of a gateway. */
export const gatewaySettings = commonConfig.extend({
  GATEWAY_NAME: z.string().default(hostname()),
  /** Port of REST and sockets; 0 chooses a free port. */
  PORT: integer(0, 65_535, 3_000),
  /** Port of /healthz, /readyz, /metrics and POST /drain; 0 chooses a free port. */
  ADMIN_PORT: integer(0, 65_535, 9_090),
  /** From `/readyz` 503 to the first closed socket of a drain, in ms: longer than the load balancer sends clients. */
  DRAIN_DELAY_MS: integer(0, 600_000, 5_000),
  /** Maximum time over which sockets are closed during a drain, in ms; 0: all at once. */
  DRAIN_WINDOW_MS: integer(0, 3_600_000, 30_000),
  /** If more than 1, this process supervises this many gateway processes behind one port. */
  GATEWAY_PROCESSES: integer(1, 128, 1),
  JWT_SECRET: z.string().min(1),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  /** Claim with the user id. */
  JWT_USER_CLAIM: z.string().default('sub'),
  /** Tolerated difference between the clocks of the issuer and this process, in ms. */
  JWT_CLOCK_TOLERANCE_MS: integer(0, 600_000, 30_000),
  /** Time before the expiry of its token at which a socket receives `token_expiring`, in ms. */
  TOKEN_EXPIRING_MS: integer(0, 86_400_000, 60_000),
  /** Whether a socket may send its token in the query instead of `auth`. */
  ALLOW_QUERY_TOKEN: flag(true),
  /** Comma-separated exact origins, or `*`. Default: outside production any, in production only its own. */
  ALLOWED_ORIGINS: z
    .string()
    .transform((list) => {
      const origins = list.split(',').map((origin) => origin.trim());
      return list.trim() === '*' ? ('*' as const) : origins.filter(Boolean);
    })
    .optional(),
  PG_POOL_SIZE: integer(1, 100, 5),
  /** Events of one connection, sustained per second and at once; beyond it RATE_LIMITED. */
  RATE_LIMIT_PER_SECOND: integer(1, 1_000_000, 200),
  RATE_LIMIT_BURST: integer(1, 1_000_000, 3_000),
  /** REST requests of one user in one process, sustained per second and at once; beyond it RATE_LIMITED. */
  HTTP_RATE_LIMIT_PER_SECOND: integer(1, 1_000_000, 100),
  HTTP_RATE_LIMIT_BURST: integer(1, 1_000_000, 500),
  /**
   * Upper bound of new sockets per second and process. The process adapts the actual rate to its event loop
   * (socket/connect/admission.ts). Excess connects queue for up to 8 s, then get 503.
   */
  CONNECTS_PER_SECOND: integer(1, 1_000_000, 2_000),
  /** Sockets of one process; beyond it 503. 0: no limit. */
  MAX_CONNECTIONS: integer(0, 10_000_000, 50_000),
  /**
   * Connections of one process that have not authenticated yet, queued or open. The default admits all clients of
   * another gateway at once, and still limits connections that never authenticate.
   */
  MAX_UNAUTHENTICATED: integer(1, 10_000_000, 10_000),
  /**
   * Data that one client has not read, in bytes and in packets; beyond either bound the connection is closed. A slow
   * reader must not lose its connection because of its own requests. So the byte bound is above the largest answer
   * (`sync`, 1.5 MB), and the packet bound above two packets (ack and message) for each of RATE_LIMIT_BURST events.
   * While text waits in engine.io, a UTF-16 code unit counts as one byte (`sizeOf` in socket/engine-io.ts).
   */
  WRITE_BUFFER_MAX_BYTES: integer(65_536, 1_073_741_824, 4_194_304),
  WRITE_BUFFER_MAX_PACKETS: integer(16, 1_000_000, 10_000),
  /**
   * Largest packet or request of a client, in bytes. Above the largest valid message, so that a text of 1 MB gets a
   * coded error instead of a closed connection.
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

/** Maximum time from SIGTERM to the exit, in ms. A pod's grace period must exceed this plus its preStop hook. */
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
