import { hostname } from 'node:os';
import {
  bytes,
  CREATE_SECRET,
  checkAdmin,
  checkRedis,
  commonConfig,
  flag,
  httpOrigin,
  httpUrl,
  integer,
  isLoopback,
  listenAddress,
  milliseconds,
  oneOf,
  pageOrigins,
  parseConfig,
  processName,
  type ReportProblem,
  secretWeakness,
  text,
} from '@chat-cluster/runtime';
import { z } from 'zod';

/** The settings of a gateway. */
export const gatewaySettings = commonConfig.extend({
  GATEWAY_NAME: processName().default(hostname()),
  /** Address of REST and sockets. Default: in production all addresses, otherwise loopback. */
  HOST: listenAddress().optional(),
  /** Port of REST and sockets; 0 chooses a free port. */
  PORT: integer(0, 65_535, 3_000),
  /**
   * Port of /healthz, /readyz, /metrics, POST /drain, /revocations, /conversations, /groups and /group-members; 0
   * chooses a free port.
   */
  ADMIN_PORT: integer(0, 65_535, 9_090),
  /** From `/readyz` 503 to the first closed socket of a drain, in ms: longer than the load balancer sends clients. */
  DRAIN_DELAY_MS: milliseconds(0, 600_000, 5_000),
  /** Maximum time over which sockets are closed during a drain, in ms; 0: all at once. */
  DRAIN_WINDOW_MS: milliseconds(0, 3_600_000, 30_000),
  /** If more than 1, this process supervises this many gateway processes behind one port. */
  GATEWAY_PROCESSES: integer(1, 128, 1),
  /** Secret of HS256 tokens. This, JWT_KEYS_FILE or JWT_JWKS_URL is required. */
  JWT_SECRET: text().optional(),
  /** The secret before a change of JWT_SECRET. Its tokens stay valid, so it may have any form. */
  JWT_PREVIOUS_SECRET: z.string().min(1).optional(),
  /** Public keys of RS256, ES256 and EdDSA tokens: a PEM file with one key, or a JSON Web Key Set. */
  JWT_KEYS_FILE: text().optional(),
  /** Public keys as in JWT_KEYS_FILE, whose tokens are valid only for the users of the prober. */
  JWT_PROBER_KEYS_FILE: text().optional(),
  /** URL of a JSON Web Key Set; in production with https. */
  JWT_JWKS_URL: httpUrl('https://id.example.com/.well-known/jwks.json').optional(),
  /** Compared with the claims exactly, as RFC 7519 requires: a final slash counts. */
  JWT_ISSUER: text().optional(),
  JWT_AUDIENCE: text().optional(),
  /** Claim with the user id. */
  JWT_USER_CLAIM: text().default('sub'),
  /** Tolerated difference between the clocks of the issuer and this process, in ms. */
  JWT_CLOCK_TOLERANCE_MS: milliseconds(0, 600_000, 30_000),
  /** Longest time since `iat` for which a token is valid, in ms; 0: until `exp`. */
  JWT_MAX_AGE_MS: milliseconds(0, 31_536_000_000, 0),
  /**
   * Revocations of tokens in force, over all gateways; beyond it LIMIT_EXCEEDED. Each takes about 170 bytes in every
   * process.
   */
  MAX_REVOCATIONS: integer(1, 10_000_000, 100_000),
  /** Time before the expiry of its token at which a socket receives `token_expiring`, in ms. */
  TOKEN_EXPIRING_MS: milliseconds(0, 86_400_000, 60_000),
  /** Whether a socket may send its token in the query instead of `auth`. Default: not in production. */
  ALLOW_QUERY_TOKEN: flag().optional(),
  /** Comma-separated origins, or `*`. Default: outside production any, in production only its own. */
  ALLOWED_ORIGINS: pageOrigins().optional(),
  PG_POOL_SIZE: integer(1, 100, 5),
  /** Whose presence a user may watch: of users with a common conversation, of anyone, or (off) of no user. */
  PRESENCE: oneOf(['contacts', 'anyone', 'off']).default('contacts'),
  /**
   * Who opens conversations, creates groups and adds members: users, or only the server on the admin port. The default
   * is `anyone`, which clients expect; NEW_CONVERSATIONS_PER_MINUTE bounds it, and participants see each conversation.
   */
  OPEN_CONVERSATIONS: oneOf(['anyone', 'server']).default('anyone'),
  /** Events of one connection, sustained per second and at once; beyond it RATE_LIMITED. */
  RATE_LIMIT_PER_SECOND: integer(1, 1_000_000, 200),
  RATE_LIMIT_BURST: integer(1, 1_000_000, 3_000),
  /** Events of one user in one process, over all connections; beyond it RATE_LIMITED. */
  USER_RATE_LIMIT_PER_SECOND: integer(1, 1_000_000, 400),
  USER_RATE_LIMIT_BURST: integer(1, 1_000_000, 6_000),
  /** Connections of one user in one process; beyond it LIMIT_EXCEEDED. 0: no limit. */
  MAX_CONNECTIONS_PER_USER: integer(0, 1_000_000, 100),
  /** New connections of one user per second and process, and 60 times as many at once; beyond it RATE_LIMITED. */
  CONNECTS_PER_SECOND_PER_USER: integer(1, 1_000_000, 5),
  /** Presence watches of one user in one process, over all connections; beyond it LIMIT_EXCEEDED. */
  MAX_WATCHES_PER_USER: integer(1, 1_000_000, 1_000),
  /** Conversations that one user may open per minute, over all gateways; beyond it RATE_LIMITED. */
  NEW_CONVERSATIONS_PER_MINUTE: integer(1, 1_000_000, 120),
  /** Groups that one user may create per minute, over all gateways; beyond it RATE_LIMITED. */
  NEW_GROUPS_PER_MINUTE: integer(1, 1_000_000, 30),
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
  /** Time of a connection to authenticate, in ms; then it is cut. */
  AUTHENTICATE_WITHIN_MS: milliseconds(100, 60_000, 8_000),
  /**
   * Time after a response in which a connection waits for the next request, in ms. Longer than balancers keep idle
   * connections (nginx and AWS 60 s, Google Cloud 600 s), since a request that meets the close is lost.
   */
  HTTP_KEEP_ALIVE_MS: milliseconds(1_000, 86_400_000, 620_000),
  /**
   * Proxies in front of the gateway, each of which adds the address of its peer to `X-Forwarded-For`: exactly this many.
   * Limits per address count by the address that the outermost one has added. 0: by the address of the connection.
   */
  TRUSTED_HOPS: integer(0, 10, 0),
  /** New sockets of one address per second and process, and five times as many at once; then 429. 0: no limit. */
  CONNECTS_PER_SECOND_PER_ADDRESS: integer(0, 1_000_000, 200),
  /** Unauthenticated connections of one address in one process; beyond it the oldest is cut. 0: no limit. */
  MAX_UNAUTHENTICATED_PER_ADDRESS: integer(0, 10_000_000, 1_000),
  /**
   * Data that one client has not read, in bytes and in packets; beyond either bound the connection is closed. A slow
   * reader must not lose its connection because of its own requests. So the byte bound is above the largest answer
   * (`sync`, 1.5 MB), and the packet bound above two packets (ack and message) for each of RATE_LIMIT_BURST events.
   * While text waits in engine.io, a UTF-16 code unit counts as one byte (`sizeOf` in socket/engine-io.ts).
   */
  WRITE_BUFFER_MAX_BYTES: bytes(65_536, 1_073_741_824, 4_194_304),
  WRITE_BUFFER_MAX_PACKETS: integer(16, 1_000_000, 10_000),
  /**
   * Memory of the unread output of all clients of a process, in bytes, HTTP responses included; beyond it the slowest
   * are cut. A byte counts as three and a packet as 256 (`waitingMemory` in socket/engine-io.ts).
   */
  UNREAD_MAX_BYTES: bytes(1_048_576, 1_099_511_627_776, 134_217_728),
  /**
   * Largest packet or request of a user, in bytes. Above the largest valid message: at most 123 kB, if all of its text
   * needs escapes. Before authentication 16 kB.
   */
  MAX_PACKET_BYTES: bytes(16_384, 16_777_216, 131_072),
  /** Folder of the built services/web, whose chat page is then served at `/`. */
  WEB_DIR: text().optional(),
  /** Origin and token of the control server of `npm start`, for its pages. Not in production. */
  LOCAL_CONTROL_URL: httpOrigin('http://127.0.0.1:41234').optional(),
  LOCAL_CONTROL_TOKEN: text().optional(),
});

export type GatewayConfig = Omit<Settings, 'ALLOWED_ORIGINS' | 'ALLOW_QUERY_TOKEN' | 'HOST'> & {
  HOST: string;
  ALLOW_QUERY_TOKEN: boolean;
  ALLOWED_ORIGINS: '*' | string[];
};

export function loadConfig(env: NodeJS.ProcessEnv): Readonly<GatewayConfig> {
  const config = parseConfig(gatewaySettings, env, checkTogether);
  return Object.freeze({
    ...config,
    HOST: hostOf(config),
    ALLOW_QUERY_TOKEN: config.ALLOW_QUERY_TOKEN ?? config.NODE_ENV !== 'production',
    ALLOWED_ORIGINS: config.ALLOWED_ORIGINS ?? (config.NODE_ENV === 'production' ? [] : ('*' as const)),
  });
}

/** Maximum time from SIGTERM to the exit, in ms. A pod's grace period must exceed this plus its preStop hook. */
export function longestEndMs(config: GatewayConfig): number {
  return config.DRAIN_DELAY_MS + config.DRAIN_WINDOW_MS + config.SHUTDOWN_TIMEOUT_MS;
}

type Settings = z.output<typeof gatewaySettings>;

function checkTogether(config: Settings, problem: ReportProblem<keyof Settings>): void {
  const isProduction = config.NODE_ENV === 'production';
  const mustBeStrong = isProduction || !isLoopback(hostOf(config));
  checkAdmin(config, problem);
  checkRedis(config, problem);
  if (!config.JWT_SECRET && !config.JWT_KEYS_FILE && !config.JWT_JWKS_URL) {
    problem('JWT_SECRET', 'is required, unless JWT_KEYS_FILE or JWT_JWKS_URL is set');
  }
  for (const name of ['JWT_SECRET', 'JWT_PREVIOUS_SECRET'] as const) {
    const secret = config[name];
    const weakness = secret !== undefined && mustBeStrong ? secretWeakness(secret) : undefined;
    if (weakness) problem(name, `${weakness}; ${CREATE_SECRET}`);
  }
  if (config.OPEN_CONVERSATIONS === 'server' && config.ADMIN_TOKEN === undefined) {
    problem('ADMIN_TOKEN', 'is required with OPEN_CONVERSATIONS=server: POST /conversations needs it');
  }
  if (!isProduction) return;
  if (config.LOCAL_CONTROL_URL) problem('LOCAL_CONTROL_URL', 'must not be set in production: it is for npm start');
  if (config.ALLOWED_ORIGINS === '*') problem('ALLOWED_ORIGINS', 'must list the origins in production, not *');
  if (config.JWT_JWKS_URL?.startsWith('http:')) problem('JWT_JWKS_URL', 'must be an https:// URL in production');
}

/** The address to listen on: to be reachable from other machines, development needs a decision. */
function hostOf({ HOST, NODE_ENV }: Settings): string {
  return HOST ?? (NODE_ENV === 'production' ? '0.0.0.0' : '127.0.0.1');
}
