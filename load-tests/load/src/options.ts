import { number, parseOptions, seconds, UserError, wholeNumber } from '@chat-cluster/runtime';
import { z } from 'zod';
import { PROFILES, type Profile } from './profiles.ts';

/** Active users of a run with neither --users nor --tokens. */
const DEFAULT_USERS = 200;

export const HELP = `npm run load -- [profile] [options]: sends messages at a fixed rate and checks every one of them.

${Object.entries(PROFILES)
  .map(([name, about]) => `  ${name.padEnd(16)} ${about}`)
  .join('\n')}

Target (default: the cluster that npm start runs on DATA_DIR)
  --url URL           http://… or https://… of a gateway or its load balancer
  --secret-file FILE  file with the secret that signs tokens (default: JWT_SECRET, else the secret in DATA_DIR)
  --tokens FILE       existing users instead: one token per line; lines 1 and 2 are a pair, 3 and 4, and so on
  --ca FILE           trust this certificate authority (PEM);  --insecure: trust any certificate

Load
  --rate N            messages per second, sum over all users (100)
  --even              evenly spaced messages; default: random, as from many independent users (Poisson)
  --users N, --pairs N  active users, or pairs of them (${DEFAULT_USERS} users)
  --idle N            further users that only connect (0)
  --size N            characters per message (100)
  --reads SHARE       share of messages after which the receiver sends read_messages (0.1)
  --duration S        seconds, or with s, m, h: 90s, 10m (60s; soak: 1h)
  --warm-up S         time before --duration at the same rate, without latencies (2)
  --settle S          longest wait after the last message for acks and deliveries (30)
  --connect-rate N    new connections per second (200)
  --spike N           factor of a spike (5)
  --drop SHARE        share of connections that a reconnect storm resets (1)
  --no-resend         drop refused messages; default: resend them in order under the same client message id

Run
  --processes N       generator processes (half of the cores)
  --out DIR           folder for report.html and report.json (.local/load/<time>)
  --max-p99 MS        fail when the p99 of acks or deliveries exceeds MS
  --strict            fail also on effects that are allowed only after a fault: repeated events, and messages
                      that a device found only by the final sync

Latencies count from the time at which a message was due. The exit code is 1 when a message was lost, duplicated or
out of order, a badge was wrong, a user could not be checked, or a limit was exceeded. Ctrl-C ends the run early, with
a report.
`;

const OPTIONS = z.object({
  url: z
    .string()
    .regex(/^https?:\/\/[^/]/, 'must begin with http:// or https://')
    .optional(),
  'secret-file': z.string().optional(),
  tokens: z.string().optional(),
  ca: z.string().optional(),
  insecure: z.boolean().default(false),
  rate: number(0.01).default(100),
  even: z.boolean().default(false),
  users: wholeNumber(2).optional(),
  pairs: wholeNumber(1).optional(),
  idle: wholeNumber(0, 1_000_000).default(0),
  size: wholeNumber(1, 10_000).default(100),
  reads: number(0, 1).default(0.1),
  duration: seconds(1).optional(),
  'warm-up': seconds().default(2),
  settle: seconds(1).default(30),
  'connect-rate': number(1).default(200),
  spike: number(0).default(5),
  drop: number(0, 1).default(1),
  'no-resend': z.boolean().default(false),
  processes: wholeNumber(1, 64).optional(),
  out: z.string().optional(),
  'max-p99': number(0).optional(),
  strict: z.boolean().default(false),
});

/** Options of a run; see HELP. Times in seconds, `maxP99` in ms. Without `users` every token of the file is a user. */
export type LoadOptions = NonNullable<ReturnType<typeof readOptions>>;

/** Parses the command line. Returns undefined when help is requested. Throws UserError. */
export function readOptions(args: readonly string[]) {
  const options = parseOptions(args, OPTIONS, { positionals: true });
  if (!options) return undefined;
  const { pairs, users, duration, ...values } = options.values;
  const { 'secret-file': secretFile, 'warm-up': warmUp, 'connect-rate': connectRate, ...others } = values;
  const { 'no-resend': noResend, 'max-p99': maxP99, ...rest } = others;
  const profile = profileOf(options.positionals);
  return {
    ...rest,
    profile,
    secretFile,
    users: pairs === undefined ? (users ?? (rest.tokens === undefined ? DEFAULT_USERS : undefined)) : pairs * 2,
    duration: duration ?? (profile === 'soak' ? 3_600 : 60),
    warmUp,
    connectRate,
    resend: !noResend,
    maxP99,
  };
}

function profileOf([profile = 'steady', ...more]: readonly string[]): Profile {
  if (Object.hasOwn(PROFILES, profile) && more.length === 0) return profile as Profile;
  throw new UserError(`There is no profile ${more[0] ?? profile}: ${Object.keys(PROFILES).join(', ')}.`);
}
