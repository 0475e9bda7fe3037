import { parseArgs } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import { PROFILES, type Profile } from './profiles.ts';

export interface LoadOptions {
  profile: Profile;
  /** undefined: the cluster that runs on DATA_DIR. */
  url: string | undefined;
  secretFile: string | undefined;
  tokens: string | undefined;
  ca: string | undefined;
  insecure: boolean;
  users: number | undefined;
  idle: number;
  rate: number;
  even: boolean;
  size: number;
  reads: number;
  /** Seconds. */
  duration: number;
  warmUp: number;
  settle: number;
  spike: number;
  drop: number;
  connectRate: number;
  /** undefined: by the number of cores. */
  processes: number | undefined;
  resend: boolean;
  strict: boolean;
  /** Milliseconds. */
  maxP99: number | undefined;
  /** undefined: a new folder in .local/load. */
  out: string | undefined;
}

const DEFAULT_USERS = 200;

export const HELP = `npm run load -- [profile] [options]: lets users talk, by the clock, and checks every message.

${Object.entries(PROFILES)
  .map(([name, about]) => `  ${name.padEnd(16)} ${about}`)
  .join('\n')}

Where (default: the cluster that npm start runs on DATA_DIR)
  --url URL           http://… or https://… of a gateway or its load balancer
  --secret-file FILE  the secret that signs tokens (default: JWT_SECRET, else the secret in DATA_DIR)
  --tokens FILE       instead: tokens, one a line; lines 1 and 2 are a pair, 3 and 4, and so on
  --ca FILE           trust this certificate authority (PEM);  --insecure: trust any

What
  --rate N            messages a second over all users (100)
  --even              on a fixed grid; default: by chance, as many independent users send (Poisson)
  --users N, --pairs N  users, or pairs of them, that talk (${DEFAULT_USERS} users)
  --idle N            further users that are only connected (0)
  --size N            characters of a message (100)
  --reads SHARE       share of messages after which the receiver reads (0.1)
  --duration S        seconds, or with s, m, h: 90s, 10m (60s; soak: 1h)
  --warm-up S         seconds before that, at the same rate; not in the latencies (2)
  --settle S          at most so long for everything to come to rest in the end (30)
  --connect-rate N    connections a second (200)
  --spike N           factor of a spike (5)
  --drop SHARE        share of connections that a reconnect storm drops (1)
  --no-resend         what is refused is given up; default: sent again under the same id, in order

How
  --processes N       generator processes (half of the cores)
  --out DIR           report.html and report.json go there (.local/load/<time>)
  --max-p99 MS        fail when p99 of acks or deliveries is above it
  --strict            fail also on what is allowed after a fault: deliveries told again, found only by the last sync

Latencies count from when a message was to be sent. Exit code 1: anything lost, duplicated, out of order, a wrong badge,
a user who could not be checked, or a limit passed. Ctrl-C ends it early, with a report.
`;

const DEFAULTS = {
  idle: '0',
  rate: '100',
  size: '100',
  reads: '0.1',
  'warm-up': '2',
  settle: '30',
  'connect-rate': '200',
  spike: '5',
  drop: '1',
};
const NAMES = [
  'url',
  'secret-file',
  'tokens',
  'ca',
  'users',
  'pairs',
  'duration',
  'processes',
  'out',
  'max-p99',
] as const;
const FLAGS = ['even', 'insecure', 'no-resend', 'strict'] as const;

/** The options of a command line; undefined: it asks for help. Throws UserError. */
export function parseOptions(args: string[]): LoadOptions | undefined {
  const { values: given, positionals } = parse(args);
  const values = given as Record<string, unknown>;
  const text = given as Record<string, string | undefined>;
  if (values.help) return undefined;
  const [profile = 'steady', ...more] = positionals;
  if (!Object.hasOwn(PROFILES, profile) || more.length > 0) {
    const wrong = more[0] ?? profile;
    throw new UserError(`There is no profile ${wrong}: ${Object.keys(PROFILES).join(', ')}.`);
  }
  const number = (name: string, least: number, most = 1e9) => numberOf(name, text[name], least, most);
  const whole = (name: string, least: number, most?: number) => wholeOf(name, number(name, least, most));
  if (text.url !== undefined && !/^https?:\/\/[^/]/.test(text.url)) {
    throw new UserError(`--url must begin with http:// or https://, not "${text.url}".`);
  }
  const users = text.pairs === undefined ? text.users && whole('users', 2) : whole('pairs', 1) * 2;
  return {
    profile: profile as Profile,
    url: text.url,
    secretFile: text['secret-file'],
    tokens: text.tokens,
    ca: text.ca,
    insecure: values.insecure === true,
    users: users || (text.tokens === undefined ? DEFAULT_USERS : undefined),
    idle: whole('idle', 0, 1e6),
    rate: number('rate', 0.01),
    even: values.even === true,
    size: whole('size', 1, 10_000),
    reads: number('reads', 0, 1),
    duration: secondsOf('duration', text.duration ?? (profile === 'soak' ? '1h' : '60'), 1),
    warmUp: secondsOf('warm-up', text['warm-up'], 0),
    settle: secondsOf('settle', text.settle, 1),
    spike: number('spike', 0),
    drop: number('drop', 0, 1),
    connectRate: number('connect-rate', 1),
    processes: text.processes === undefined ? undefined : whole('processes', 1, 64),
    resend: values['no-resend'] !== true,
    strict: values.strict === true,
    maxP99: text['max-p99'] === undefined ? undefined : number('max-p99', 0),
    out: text.out,
  };
}

function parse(args: string[]) {
  const strings = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' as const }]));
  const defaults = Object.entries(DEFAULTS).map(([name, value]) => [name, { type: 'string' as const, default: value }]);
  const flags = Object.fromEntries(FLAGS.map((name) => [name, { type: 'boolean' as const }]));
  const help = { type: 'boolean' as const, short: 'h' };
  try {
    const options = { ...strings, ...Object.fromEntries(defaults), ...flags, help };
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UserError(`${(error as Error).message.split('. ')[0]}. npm run load -- --help tells what there is.`);
  }
}

function numberOf(name: string, text: string | undefined, least: number, most: number): number {
  const value = Number(text);
  if (text?.trim() && value >= least && value <= most) return value;
  throw new UserError(`--${name} must be a number from ${least} to ${most}, not "${text}".`);
}

function wholeOf(name: string, value: number): number {
  if (Number.isInteger(value)) return value;
  throw new UserError(`--${name} must be a whole number, not "${value}".`);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

function secondsOf(name: string, text: string | undefined, least: number): number {
  const [, amount = '', unit = 's'] = /^(\d+(?:\.\d+)?)([smh])?$/.exec(text ?? '') ?? [];
  const seconds = Number(amount) * (UNIT_SECONDS[unit] ?? 0);
  if (amount !== '' && seconds >= least) return seconds;
  throw new UserError(`--${name} must be a time such as 30, 90s, 10m or 1h, at least ${least} s; not "${text}".`);
}
