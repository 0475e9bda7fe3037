import { resolve } from 'node:path';
import {
  describeOptions,
  flagOption,
  parseOptions,
  seconds,
  textOption,
  UserError,
  wholeNumber,
} from '@chat-cluster/runtime';
import { z } from 'zod';

/** The question that each scenario answers, by the name of its file in scenarios/. */
export const SCENARIOS: Readonly<Record<string, string>> = {
  steady: 'ordinary traffic at one rate: does the cluster handle it?',
  ramp: 'a growing number of pairs: at which rate do latencies grow?',
  spike: 'ten times the pairs for 10 s: how soon are latencies normal again?',
  soak: 'an hour of low traffic: does anything leak or drift?',
  'reconnect-storm': 'all connections are lost at once: how soon are they back, and is anything lost?',
  'big-fan-in': 'all users write to one user: does one inbox become slow?',
  groups: 'messages, reactions and edits in groups: does the cluster handle them?',
};

const OPTIONS = z.object({
  short: flagOption('the short form, of a few seconds'),
  url: textOption('URL', 'the cluster; default: the one that runs on DATA_DIR').refine(
    (url) => url === undefined || /^https?:\/\/[^/]+\/?$/.test(url),
    'must be a URL of the form http://host:port',
  ),
  secretFile: textOption('FILE', 'the JWT secret of the cluster; default: JWT_SECRET, else the secret in DATA_DIR'),
  duration: seconds(1)
    .optional()
    .describe('time during which pairs arrive: seconds, or with s, m, h; all phases in proportion'),
  rate: wholeNumber(1).optional().describe('new pairs per second in the busiest phase, the other phases in proportion'),
  messages: wholeNumber(1).optional().describe('messages per pair'),
  every: wholeNumber(1).optional().describe('milliseconds between two messages of a pair'),
  maxP99: wholeNumber(1)
    .optional()
    .describe('fail when the p99 of a latency exceeds N ms, instead of the limits of the scenario'),
  json: textOption('FILE', "keep Artillery's report"),
  quiet: flagOption('print only the result'),
});

export const HELP = `npm run load:artillery -- [scenario] [options]

Loads a running cluster with Artillery 2. A virtual user is a pair: one user sends, the other one's device receives.

${Object.entries(SCENARIOS)
  .map(([name, about]) => `  ${name.padEnd(17)}${about}`)
  .join('\n')}

The default scenario is steady. The first run installs Artillery into load-tests/artillery.

${describeOptions(OPTIONS)}

The exit code is 1 after any error or missed threshold. Ctrl-C ends the run.
`;

/** Options of a run; see HELP. `duration` is in seconds, `every` and `maxP99` in ms, `json` an absolute path. */
export type Options = NonNullable<ReturnType<typeof readOptions>>;

/** Parses the command line. Returns undefined when help is requested. Throws UserError. */
export function readOptions(args: readonly string[]) {
  const options = parseOptions(args, OPTIONS, { positionals: true });
  if (!options) return undefined;
  const { url, json, ...rest } = options.values;
  return {
    ...rest,
    scenario: scenarioOf(options.positionals),
    url: url?.replace(/\/$/, ''),
    json: json === undefined ? undefined : resolve(json),
  };
}

function scenarioOf([scenario = 'steady', ...more]: readonly string[]): string {
  if (more.length > 0) throw new UserError('Name one scenario. --help lists all of them.');
  if (Object.hasOwn(SCENARIOS, scenario)) return scenario;
  throw new UserError(`There is no scenario ${scenario}: ${Object.keys(SCENARIOS).join(', ')}.`);
}
