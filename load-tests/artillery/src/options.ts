import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '@chat-cluster/runtime';

/** What each scenario answers, by the name of its file in scenarios/. */
export const SCENARIOS: Readonly<Record<string, string>> = {
  steady: 'ordinary traffic at one rate: does it hold?',
  ramp: 'more and more pairs: from where on do latencies grow?',
  spike: 'ten times the pairs for 10 s: is it soon as before?',
  soak: 'an hour of quiet traffic: does anything leak or drift?',
  'reconnect-storm': 'all lose their connection at once: who is back when, and is anything lost?',
  'big-fan-in': 'everybody writes to one user: does one mailbox slow down?',
};

export interface Options {
  scenario: string;
  /** undefined: of the cluster that runs on DATA_DIR. */
  url: string | undefined;
  secretFile: string | undefined;
  short: boolean;
  /** Seconds during which pairs arrive. */
  duration: number | undefined;
  /** New pairs a second where the scenario has the most. */
  rate: number | undefined;
  /** Of each pair. */
  messages: number | undefined;
  /** Milliseconds from one message of a pair to its next. */
  every: number | undefined;
  /** Milliseconds, in place of the bounds of the scenario's latencies. */
  maxP99: number | undefined;
  /** Absolute path for artillery's report. */
  json: string | undefined;
  quiet: boolean;
}

const HELP = `npm run load:artillery -- [scenario] [options]

Loads a running cluster with Artillery 2. A virtual user is a pair: one writes, the other's device must hear it.

${Object.entries(SCENARIOS)
  .map(([name, about]) => `  ${name.padEnd(17)}${about}`)
  .join('\n')}

Without a scenario: steady. The first run installs Artillery into load-tests/artillery.

  --short            a form of a few seconds
  --url U            any cluster; default: the one that runs on DATA_DIR
  --secret-file F    holds its JWT secret; default: JWT_SECRET, else that of DATA_DIR
  --duration S       pairs arrive for S seconds, all phases in proportion
  --rate N           N new pairs a second in the busiest phase, the others in proportion
  --messages N       messages of each pair
  --every MS         milliseconds from one message of a pair to its next
  --max-p99 MS       fail when the p99 of a latency is above MS, in place of the scenario's own bounds
  --json FILE        keep Artillery's report
  --quiet            only the result

The exit code is 1 after any error and any missed threshold. Ctrl-C ends it.
`;

/** Parses the command line; prints the help and returns undefined when asked for it. Throws UserError. */
export function parseOptions(args: string[]): Options | undefined {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  const [scenario = 'steady', ...more] = positionals;
  if (more.length > 0) throw new UserError('One scenario at a time: npm run load:artillery -- --help has them all.');
  if (!Object.hasOwn(SCENARIOS, scenario)) {
    throw new UserError(`There is no scenario ${scenario}: ${Object.keys(SCENARIOS).join(', ')}.`);
  }
  if (values.url !== undefined && !/^https?:\/\/[^/]+\/?$/.test(values.url)) {
    throw new UserError(`--url: "${values.url}" is no URL of the form http://host:port.`);
  }
  return {
    scenario,
    url: values.url?.replace(/\/$/, ''),
    secretFile: values['secret-file'],
    short: values.short,
    duration: wholeNumber('duration', values.duration),
    rate: wholeNumber('rate', values.rate),
    messages: wholeNumber('messages', values.messages),
    every: wholeNumber('every', values.every),
    maxP99: wholeNumber('max-p99', values['max-p99']),
    json: values.json === undefined ? undefined : resolve(values.json),
    quiet: values.quiet,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        url: { type: 'string' },
        'secret-file': { type: 'string' },
        short: { type: 'boolean', default: false },
        duration: { type: 'string' },
        rate: { type: 'string' },
        messages: { type: 'string' },
        every: { type: 'string' },
        'max-p99': { type: 'string' },
        json: { type: 'string' },
        quiet: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message} npm run load:artillery -- --help has them all.`);
  }
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UserError(`--${name}: "${text}" is no whole number above 0.`);
}
