/**
 * All settings, passed with `-e NAME=value` or in the environment: how each is parsed, its default unless a scenario has
 * its own, and what it is.
 */
export const SETTINGS = {
  URL: setting(urls, 'http://127.0.0.1:3000', 'the load balancer, or gateways separated by commas, used in turn'),
  JWT_SECRET: setting(secret, '', 'the secret that signs tokens (HS256)'),
  JWT_USER_CLAIM: setting(String, 'sub', 'the claim with the user id'),
  JWT_ISSUER: setting(String, '', 'the claim iss, if the cluster requires it'),
  JWT_AUDIENCE: setting(String, '', 'the claim aud, if the cluster requires it'),
  PAIRS: setting(count, '50', 'pairs of users, each with a conversation'),
  RECEIVERS: setting(count, '1', 'big-fan-in: receiving users; each has a VU with its senders'),
  SENDERS: setting(count, '100', 'big-fan-in: users who write to each receiver'),
  GROUPS: setting(count, '5', 'groups: number of groups'),
  MEMBERS: setting(count, '50', 'groups: members of each group, all in one VU'),
  DEVICES: setting(count, '1', 'sockets per user'),
  SOCKETS_PER_VU: setting(count, '100', 'sockets per VU of k6; a VU is a JavaScript engine of its own'),
  CONNECT_RATE: setting(number(0.1, 100000), '100', 'new sockets per second at the start'),
  RATE: setting(number(0, 1000000), '50', 'messages per second of the whole run'),
  ARRIVALS: setting(arrivals, 'poisson', 'poisson: random, as from many independent users; even: at equal intervals'),
  DURATION: setting(duration(1), '1m', 'length of the traffic, without connecting and warm-up'),
  WARMUP: setting(duration(0), '5s', 'traffic before DURATION at the first rate, without thresholds'),
  CONTENT_BYTES: setting(number(16, 10000), '64', 'characters per message, 16 to 10000'),
  READ_RATIO: setting(number(0, 1), '0.1', 'share of received messages after which the user sends read_messages'),
  STEPS: setting(count, '5', 'ramp: number of steps up to RATE, of equal length'),
  SPIKE_FACTOR: setting(number(1, 1000), '5', 'spike: multiple of RATE'),
  SPIKE_DURATION: setting(duration(1), '10s', 'spike: length'),
  CHURN: setting(duration(0), '10m', 'soak: mean life of a connection before it is cut; 0s: unlimited'),
  STORM_AT: setting(duration(0), '20s', 'reconnect-storm: time of the cut, after the warm-up'),
  STORM_FRACTION: setting(
    number(0, 1),
    '1',
    'reconnect-storm: fraction of the sockets that is cut; 0 to kill a gateway instead',
  ),
  STORM_DURATION: setting(duration(1), '20s', 'reconnect-storm: time until thresholds apply again'),
  DRAIN: setting(duration(0), '10s', 'longest wait for messages under way at the end'),
  MAX_LOSS: setting(number(0, 1), '0', 'threshold: share of acknowledged messages that a device never received'),
  MAX_UNACKED: setting(number(0, 1), '0.001', 'threshold: share of messages refused or without an answer'),
  ACK_P95: setting(duration(1), '250ms', 'threshold: 95 % of acks within'),
  ACK_P99: setting(duration(1), '500ms', 'threshold: 99 % of acks within'),
  DELIVERY_P95: setting(duration(1), '250ms', 'threshold: 95 % of deliveries within'),
  DELIVERY_P99: setting(duration(1), '500ms', 'threshold: 99 % of deliveries within'),
  RECOVERY_P95: setting(duration(1), '15s', 'threshold: 95 % of lost connections back and in sync within'),
  SUMMARY: setting(String, '', 'JSON file for the results; default k6-<scenario>.json; none: no file'),
};

export type SettingName = keyof typeof SETTINGS;

/** The parsed settings: durations in ms, rates per second. */
export type Settings = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['read']> };

/** Parses all settings; `defaults` are those of the scenario. Throws one error that lists every problem. */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  defaults: Partial<Record<SettingName, string>> = {},
): Settings {
  const problems: string[] = [];
  const names = Object.keys(SETTINGS) as SettingName[];
  const entries = names.map((name) => {
    const text = env[name] || defaults[name] || SETTINGS[name].fallback;
    try {
      return [name, SETTINGS[name].read(text)];
    } catch (error) {
      // The error does not contain the value of the secret.
      const shown = text && name !== 'JWT_SECRET' ? `, not "${text}"` : '';
      problems.push(`${name} must be ${(error as Error).message}${shown}`);
      return [name, undefined];
    }
  });
  if (problems.length > 0) throw new Error(`Wrong settings (-e NAME=value):\n  ${problems.join('\n  ')}`);
  return Object.fromEntries(entries) as Settings;
}

/** `read` throws an error with what the value must be. */
function setting<T>(read: (text: string) => T, fallback: string, about: string) {
  return { read, fallback, about };
}

function urls(text: string) {
  if (/^https?:\/\/[^\s,?#]+(,\s*https?:\/\/[^\s,?#]+)*$/.test(text)) return text.split(/,\s*/);
  throw new Error('http://host:3000');
}

function secret(text: string) {
  if (text) return text;
  throw new Error('the secret of the cluster, such as "$(cat .local/data/jwt-secret)"');
}

function arrivals(text: string) {
  if (text === 'poisson' || text === 'even') return text;
  throw new Error('poisson or even');
}

function count(text: string) {
  const value = number(1, 1000000)(text);
  if (value === Math.floor(value)) return value;
  throw new Error('a whole number');
}

function number(min: number, max: number) {
  return (text: string) => {
    const value = Number(text);
    if (value >= min && value <= max) return value;
    throw new Error(`a number from ${min} to ${max}`);
  };
}

function duration(min: number) {
  return (text: string) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) || [];
    const value = Number(amount) * (UNIT_MS[unit] || 0);
    if (value >= min) return value;
    throw new Error('a number with ms, s, m or h, such as 30s');
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60000, h: 3600000 };
