import { hostname } from 'node:os';
import { CREATE_SECRET, checkAdmin, commonConfig, integer, parseConfig, secretWeakness } from '@chat-cluster/runtime';
import { z } from 'zod';

const URL_FORM = 'must be one http:// or https:// URL, or two, separated by a comma';

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
    PROBER_NAME: z.string().default(hostname()),
    /** Port of /healthz, /readyz, /metrics and POST /drain; 0 chooses a free port. */
    ADMIN_PORT: integer(0, 65_535, 9_092),
    /** URL that clients use. A second one is for the second user, for example the URL of another region. */
    PROBE_ENTRY: z
      .string(URL_FORM)
      .transform((list) => list.split(',').map((url) => url.trim().replace(/\/+$/, '')))
      .pipe(
        z
          .array(z.string().regex(/^https?:\/\/./, URL_FORM))
          .min(1)
          .max(2),
      ),
    /** URL of the admin port of a gateway: opens the conversations there. Needed with OPEN_CONVERSATIONS=server. */
    PROBE_ADMIN_ENTRY: z
      .string()
      .regex(/^https?:\/\/./, 'must be an http:// or https:// URL')
      .transform((url) => url.trim().replace(/\/+$/, ''))
      .optional(),
    /** ADMIN_TOKEN of the gateways. */
    PROBE_ADMIN_TOKEN: z.string().min(1).optional(),
    /** Time between two messages of a user, in ms. */
    PROBE_INTERVAL_MS: integer(20, 3_600_000, 1_000),
    /** Time after which a message that has not arrived counts as lost, in ms. */
    PROBE_LOST_AFTER_MS: integer(100, 600_000, 10_000),
    /** PEM file with a private key (Ed25519, P-256 or RSA). The gateways have its public key in JWT_PROBER_KEYS_FILE. */
    PROBE_KEY_FILE: z.string().optional(),
    /** Same as in the gateways. The secret is needed only without PROBE_KEY_FILE. */
    JWT_SECRET: z.string().min(1).optional(),
    JWT_ISSUER: z.string().optional(),
    JWT_AUDIENCE: z.string().optional(),
    JWT_USER_CLAIM: z.string().default('sub'),
  });

export type ProberConfig = z.output<typeof proberSettings>;

export function loadConfig(env: NodeJS.ProcessEnv): Readonly<ProberConfig> {
  return parseConfig(proberSettings.superRefine(checkTogether), env);
}

function checkTogether(config: ProberConfig, context: z.RefinementCtx): void {
  checkAdmin(config, context);
  if ((config.PROBE_ADMIN_ENTRY === undefined) !== (config.PROBE_ADMIN_TOKEN === undefined)) {
    const message = 'is needed together with PROBE_ADMIN_TOKEN, the ADMIN_TOKEN of the gateways';
    context.addIssue({ code: 'custom', path: ['PROBE_ADMIN_ENTRY'], message });
  }
  const problem = (message: string) => context.addIssue({ code: 'custom', path: ['JWT_SECRET'], message });
  const { JWT_SECRET: secret, NODE_ENV } = config;
  if (secret === undefined) {
    if (config.PROBE_KEY_FILE === undefined) problem('is required, unless PROBE_KEY_FILE is set');
    return;
  }
  const weakness = NODE_ENV === 'production' ? secretWeakness(secret) : undefined;
  if (weakness) problem(`${weakness}; ${CREATE_SECRET}`);
}
