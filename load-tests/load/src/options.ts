import {
  describeOptions,
  flagOption,
  number,
  parseOptions,
  seconds,
  textOption,
  UserError,
  wholeNumber,
  wholeNumbers,
} from '@chat-cluster/runtime';
import { z } from 'zod';
import { PROFILES, type Profile } from './profiles.ts';

/** Active users of a run with neither --users nor --tokens. */
const DEFAULT_USERS = 200;

const TARGET = z.object({
  url: textOption('URL', 'http://… or https://… of a gateway or its load balancer').refine(
    (url) => url === undefined || /^https?:\/\/[^/]/.test(url),
    'must begin with http:// or https://',
  ),
  secretFile: textOption('FILE', 'the secret that signs tokens (default: JWT_SECRET, else the secret in DATA_DIR)'),
  tokens: textOption('FILE', 'existing users: one token per line; lines 1 and 2 are a pair, 3 and 4, and so on'),
  ca: textOption('FILE', 'trust this certificate authority (PEM)'),
  insecure: flagOption('trust any certificate'),
});

const LOAD = z.object({
  rate: number(0.01).default(100).describe('messages per second, sum over all users'),
  even: flagOption('evenly spaced messages; default: random, as from many independent users (Poisson)'),
  users: wholeNumber(2).optional().describe(`active users (${DEFAULT_USERS})`),
  pairs: wholeNumber(1).optional().describe('pairs of them, instead of --users'),
  idle: wholeNumber(0, 1_000_000).default(0).describe('further users that only connect'),
  size: wholeNumber(1, 10_000).default(100).describe('characters per message'),
  reads: number(0, 1).default(0.1).describe('share of messages after which the receiver sends read_messages'),
  groups: wholeNumbers(2, 1_000)
    .transform((sizes) => [...new Set(sizes)])
    .default([])
    .describe('sizes of groups, such as 5,50,500; every user is in one group of each size; default: no groups'),
  groupShare: number(0, 1).default(0.2).describe('share of messages to groups, equal for each size'),
  edits: number(0, 1).default(0).describe('share of messages that their sender edits'),
  deletes: number(0, 1).default(0).describe('share of messages that their sender deletes'),
  reactions: number(0, 1).default(0).describe('share of messages that get a reaction'),
  duration: seconds(1).optional().describe('seconds, or with s, m, h: 90s, 10m (60s; soak: 1h)'),
  warmUp: seconds().default(2).describe('time before --duration at the same rate, without latencies'),
  settle: seconds(1).default(30).describe('longest wait after the last message for acks and deliveries'),
  connectRate: number(1).default(200).describe('new connections per second'),
  spike: number(0).default(5).describe('factor of a spike'),
  drop: number(0, 1).default(1).describe('share of connections that a reconnect storm resets'),
  noResend: flagOption('drop refused messages; default: resend them in order under the same client message id'),
});

const ONE_CHANGE = '--edits, --deletes and --reactions may add up to 1: a message has one change at most';

const RUN = z.object({
  processes: wholeNumber(1, 64).optional().describe('generator processes (half of the cores)'),
  out: textOption('DIR', 'folder for report.html and report.json (.local/load/<time>)'),
  maxP99: number(0).optional().describe('fail when the p99 of acks or deliveries exceeds N ms'),
  strict: flagOption('fail also on repeated events, and on messages that a device found only by the final sync'),
});

export const HELP = `npm run load -- [profile] [options]: sends messages at a fixed rate and checks every one of them.

${Object.entries(PROFILES)
  .map(([name, about]) => `  ${name.padEnd(16)} ${about}`)
  .join('\n')}

Target (default: the cluster that npm start runs on DATA_DIR)
${describeOptions(TARGET)}

Load
${describeOptions(LOAD)}

Run
${describeOptions(RUN)}

Latencies count from the time at which a message was due. The exit code is 1 when a message was lost, duplicated or
out of order, a badge was wrong, a user could not be checked, or a limit was exceeded. Ctrl-C ends the run early, with
a report.
`;

/** Options of a run; see HELP. Times in seconds, `maxP99` in ms. Without `users` every token of the file is a user. */
export type LoadOptions = NonNullable<ReturnType<typeof readOptions>>;

/** Parses the command line. Returns undefined when help is requested. Throws UserError. */
export function readOptions(args: readonly string[]) {
  const schema = z
    .object({ ...TARGET.shape, ...LOAD.shape, ...RUN.shape })
    .refine(({ edits, deletes, reactions }) => edits + deletes + reactions <= 1, ONE_CHANGE);
  const options = parseOptions(args, schema, { positionals: true });
  if (!options) return undefined;
  const { pairs, users, duration, noResend, ...values } = options.values;
  const profile = profileOf(options.positionals);
  return {
    ...values,
    profile,
    users: pairs === undefined ? (users ?? (values.tokens === undefined ? DEFAULT_USERS : undefined)) : pairs * 2,
    duration: duration ?? (profile === 'soak' ? 3_600 : 60),
    resend: !noResend,
  };
}

function profileOf([profile = 'steady', ...more]: readonly string[]): Profile {
  if (Object.hasOwn(PROFILES, profile) && more.length === 0) return profile as Profile;
  throw new UserError(`There is no profile ${more[0] ?? profile}: ${Object.keys(PROFILES).join(', ')}.`);
}
