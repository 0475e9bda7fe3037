import { hostname } from 'node:os';
import {
  CREATE_SECRET,
  checkAdmin,
  commonConfig,
  httpOrigin,
  httpOrigins,
  integer,
  milliseconds,
  parseConfig,
  processName,
  type ReportProblem,
  secretWeakness,
  text,
} from '@chat-cluster/runtime';
import type { z } from 'zod';

/** The settings of a prober. */
export const proberSettings = commonConfig
  .pick({
    NODE_ENV: true,
    ADMIN_HOST: true,
    ADMIN_TOKEN: true,
    LOG_LEVEL: true,
    LOG_FORMAT: true,
    SHUTDOWN_TIMEOUT_MS: true,
  })
  .extend({
    PROBER_NAME: processName().default(hostname()),
    /** Port of /healthz, /readyz, /metrics and POST /drain; 0 chooses a free port. */
    ADMIN_PORT: integer(0, 65_535, 9_092),
    /** URL that clients use. A second one is for the second user, for example the URL of another region. */
    PROBE_ENTRY: httpOrigins(2, 'https://chat.example.com'),
    /** URL of the admin port of a gateway: opens the conversations there. Needed with OPEN_CONVERSATIONS=server. */
    PROBE_ADMIN_ENTRY: httpOrigin('http://gateway.internal:9090').optional(),
    /** ADMIN_TOKEN of the gateways. */
    PROBE_ADMIN_TOKEN: text().optional(),
    /** Time between two messages of a user, in ms. */
    PROBE_INTERVAL_MS: milliseconds(20, 3_600_000, 1_000),
    /** Time after which a message that has not arrived counts as lost, in ms. */
    PROBE_LOST_AFTER_MS: milliseconds(100, 600_000, 10_000),
    /** PEM file with a private key (Ed25519, P-256 or RSA). The gateways have its public key in JWT_PROBER_KEYS_FILE. */
    PROBE_KEY_FILE: text().optional(),
    /** Same as in the gateways. The secret is needed only without PROBE_KEY_FILE. */
    JWT_SECRET: text().optional(),
    JWT_ISSUER: text().optional(),
    JWT_AUDIENCE: text().optional(),
    JWT_USER_CLAIM: text().default('sub'),
  });

export type ProberConfig = z.output<typeof proberSettings>;

export function loadConfig(env: NodeJS.ProcessEnv): Readonly<ProberConfig> {
  return parseConfig(proberSettings, env, checkTogether);
}

function checkTogether(config: ProberConfig, problem: ReportProblem<keyof ProberConfig>): void {
  checkAdmin(config, problem);
  if ((config.PROBE_ADMIN_ENTRY === undefined) !== (config.PROBE_ADMIN_TOKEN === undefined)) {
    problem('PROBE_ADMIN_ENTRY', 'is needed together with PROBE_ADMIN_TOKEN, the ADMIN_TOKEN of the gateways');
  }
  const { JWT_SECRET: secret, NODE_ENV } = config;
  if (secret === undefined) {
    if (config.PROBE_KEY_FILE === undefined) problem('JWT_SECRET', 'is required, unless PROBE_KEY_FILE is set');
    return;
  }
  const weakness = NODE_ENV === 'production' ? secretWeakness(secret) : undefined;
  if (weakness) problem('JWT_SECRET', `${weakness}; ${CREATE_SECRET}`);
}
