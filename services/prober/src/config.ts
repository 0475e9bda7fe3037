import { hostname } from 'node:os';
import { commonConfig, integer, parseConfig } from '@chat-cluster/runtime';
import { z } from 'zod';

const URL_FORM = 'must be one http:// or https:// URL, or two, separated by a comma';

const schema = commonConfig
  .pick({ NODE_ENV: true, HOST: true, LOG_LEVEL: true, LOG_FORMAT: true, SHUTDOWN_TIMEOUT_MS: true })
  .extend({
    PROBER_NAME: z.string().default(hostname()),
    /** Listener of /healthz, /readyz, /metrics and POST /drain; 0 takes a free port. */
    ADMIN_PORT: integer(0, 65_535, 9_092),
    /** The entry of the chat, as clients know it. A second one, for the second user: of another region, say. */
    PROBE_ENTRY: z
      .string(URL_FORM)
      .transform((list) => list.split(',').map((url) => url.trim().replace(/\/+$/, '')))
      .pipe(
        z
          .array(z.string().regex(/^https?:\/\/./, URL_FORM))
          .min(1)
          .max(2),
      ),
    /** Milliseconds from one message of a user to the next. */
    PROBE_INTERVAL_MS: integer(20, 3_600_000, 1_000),
    /** Milliseconds after which a message that has not arrived counts as lost. */
    PROBE_LOST_AFTER_MS: integer(100, 600_000, 10_000),
    /** As those of the gateways. */
    JWT_SECRET: z.string().min(1),
    JWT_ISSUER: z.string().optional(),
    JWT_AUDIENCE: z.string().optional(),
    JWT_USER_CLAIM: z.string().default('sub'),
  });

export type ProberConfig = z.output<typeof schema>;

export function loadConfig(env: NodeJS.ProcessEnv): Readonly<ProberConfig> {
  return parseConfig(schema, env);
}
