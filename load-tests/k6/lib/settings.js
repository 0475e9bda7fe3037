// @ts-check

/**
 * All settings, passed with `-e NAME=value` or in the environment. `fallback`: the default unless a scenario has its
 * own; a setting without one is required. Durations are numbers with ms, s, m or h.
 *
 * @satisfies {Record<string, { fallback?: string, about: string }>}
 */
export const SETTINGS = {
  URL: {
    fallback: 'http://127.0.0.1:3000',
    about: 'the load balancer, or gateways separated by commas, used in turn',
  },
  JWT_SECRET: { about: 'the secret that signs tokens (HS256)' },
  JWT_USER_CLAIM: { fallback: 'sub', about: 'the claim with the user id' },
  JWT_ISSUER: { fallback: '', about: 'the claim iss, if the cluster requires it' },
  JWT_AUDIENCE: { fallback: '', about: 'the claim aud, if the cluster requires it' },
  PAIRS: { fallback: '50', about: 'pairs of users, each with a conversation' },
  RECEIVERS: { fallback: '1', about: 'big-fan-in: receiving users; each has a VU with its senders' },
  SENDERS: { fallback: '100', about: 'big-fan-in: users who write to each receiver' },
  DEVICES: { fallback: '1', about: 'sockets per user' },
  SOCKETS_PER_VU: { fallback: '100', about: 'sockets per VU of k6; a VU is a JavaScript engine of its own' },
  CONNECT_RATE: { fallback: '100', about: 'new sockets per second at the start' },
  RATE: { fallback: '50', about: 'messages per second of the whole run' },
  ARRIVALS: { fallback: 'poisson', about: 'poisson: random, as from many independent users; even: at equal intervals' },
  DURATION: { fallback: '1m', about: 'length of the traffic, without connecting and warm-up' },
  WARMUP: { fallback: '5s', about: 'traffic before DURATION at the first rate, without thresholds' },
  CONTENT_BYTES: { fallback: '64', about: 'characters per message, 16 to 10000' },
  READ_RATIO: { fallback: '0.1', about: 'share of received messages after which the user sends read_messages' },
  STEPS: { fallback: '5', about: 'ramp: number of steps up to RATE, of equal length' },
  SPIKE_FACTOR: { fallback: '5', about: 'spike: multiple of RATE' },
  SPIKE_DURATION: { fallback: '10s', about: 'spike: length' },
  CHURN: { fallback: '10m', about: 'soak: mean life of a connection before it is cut; 0s: unlimited' },
  STORM_AT: { fallback: '20s', about: 'reconnect-storm: time of the cut, after the warm-up' },
  STORM_FRACTION: {
    fallback: '1',
    about: 'reconnect-storm: fraction of the sockets that is cut; 0 to kill a gateway instead',
  },
  STORM_DURATION: { fallback: '20s', about: 'reconnect-storm: time until thresholds apply again' },
  ACK_TIMEOUT: { fallback: '10s', about: 'time after which a message counts as unanswered' },
  DRAIN: { fallback: '10s', about: 'longest wait for messages under way at the end' },
  MAX_LOSS: { fallback: '0', about: 'threshold: share of acknowledged messages that a device never received' },
  MAX_UNACKED: { fallback: '0.001', about: 'threshold: share of messages refused or without an answer' },
  ACK_P95: { fallback: '250ms', about: 'threshold: 95 % of acks within' },
  ACK_P99: { fallback: '500ms', about: 'threshold: 99 % of acks within' },
  DELIVERY_P95: { fallback: '250ms', about: 'threshold: 95 % of deliveries within' },
  DELIVERY_P99: { fallback: '500ms', about: 'threshold: 99 % of deliveries within' },
  RECOVERY_P95: { fallback: '15s', about: 'threshold: 95 % of lost connections back and in sync within' },
  SUMMARY: { fallback: '', about: 'JSON file for the results; default k6-<scenario>.json; none: no file' },
};

/**
 * @typedef {keyof typeof SETTINGS} SettingName
 * @typedef {Readonly<Record<string, string | undefined>>} Environment
 */

/**
 * The parsed settings. Names that end in `Ms` are in milliseconds, rates are per second.
 *
 * @typedef {ReturnType<typeof readSettings>} Settings
 */

/**
 * Parses all settings. Throws one error that lists every problem.
 *
 * @param {Environment} env
 * @param {Partial<Record<SettingName, string>>} [defaults] those of the scenario
 */
export function readSettings(env, defaults = {}) {
  const read = reader(env, defaults);
  const settings = {
    urls: read.text('URL', /^https?:\/\/[^\s,?#]+(,\s*https?:\/\/[^\s,?#]+)*$/, 'http://host:3000').split(/,\s*/),
    jwtSecret: read.text('JWT_SECRET', /./, 'the secret of the cluster, such as "$(cat .local/data/jwt-secret)"'),
    userClaim: read.text('JWT_USER_CLAIM', /./, 'a claim such as sub'),
    issuer: read.text('JWT_ISSUER') || undefined,
    audience: read.text('JWT_AUDIENCE') || undefined,
    pairs: read.count('PAIRS'),
    receivers: read.count('RECEIVERS'),
    senders: read.count('SENDERS'),
    devices: read.count('DEVICES'),
    socketsPerVu: read.count('SOCKETS_PER_VU'),
    connectRate: read.number('CONNECT_RATE', 0.1, 100000),
    rate: read.number('RATE', 0, 1000000),
    arrivals: read.text('ARRIVALS', /^(poisson|even)$/, 'poisson or even'),
    durationMs: read.duration('DURATION', 1),
    warmupMs: read.duration('WARMUP'),
    contentBytes: read.number('CONTENT_BYTES', 16, 10000),
    readRatio: read.number('READ_RATIO', 0, 1),
    steps: read.count('STEPS'),
    spikeFactor: read.number('SPIKE_FACTOR', 1, 1000),
    spikeMs: read.duration('SPIKE_DURATION', 1),
    churnMs: read.duration('CHURN'),
    stormAtMs: read.duration('STORM_AT'),
    stormFraction: read.number('STORM_FRACTION', 0, 1),
    stormMs: read.duration('STORM_DURATION', 1),
    ackTimeoutMs: read.duration('ACK_TIMEOUT', 1),
    drainMs: read.duration('DRAIN'),
    maxLoss: read.number('MAX_LOSS', 0, 1),
    maxUnacked: read.number('MAX_UNACKED', 0, 1),
    ackP95Ms: read.duration('ACK_P95', 1),
    ackP99Ms: read.duration('ACK_P99', 1),
    deliveryP95Ms: read.duration('DELIVERY_P95', 1),
    deliveryP99Ms: read.duration('DELIVERY_P99', 1),
    recoveryP95Ms: read.duration('RECOVERY_P95', 1),
    summary: read.text('SUMMARY'),
  };
  if (read.problems.length > 0) throw new Error(`Wrong settings (-e NAME=value):\n  ${read.problems.join('\n  ')}`);
  return settings;
}

/**
 * @param {Environment} env
 * @param {Partial<Record<SettingName, string>>} defaults
 */
function reader(env, defaults) {
  /** @type {string[]} */
  const problems = [];
  const raw = (/** @type {SettingName} */ name) => {
    /** @type {{ fallback?: string, about: string }} */
    const setting = SETTINGS[name];
    return env[name] || defaults[name] || setting.fallback || '';
  };
  // The error does not contain the value of the secret.
  const wrong = (/** @type {SettingName} */ name, /** @type {string} */ expected) => {
    problems.push(`${name} must be ${expected}${raw(name) && name !== 'JWT_SECRET' ? `, not "${raw(name)}"` : ''}`);
  };
  const text = (/** @type {SettingName} */ name, form = /^/, example = '') => {
    if (!form.test(raw(name))) wrong(name, example);
    return raw(name);
  };
  const number = (/** @type {SettingName} */ name, /** @type {number} */ min, /** @type {number} */ max) => {
    const value = Number(raw(name));
    if (!(value >= min && value <= max)) wrong(name, `a number from ${min} to ${max}`);
    return value;
  };
  const count = (/** @type {SettingName} */ name) => {
    const value = number(name, 1, 1000000);
    if (value !== Math.floor(value)) wrong(name, 'a whole number');
    return value;
  };
  const duration = (/** @type {SettingName} */ name, min = 0) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(raw(name)) || [];
    const value = Number(amount) * (UNIT_MS[unit] || 0);
    if (!(value >= min)) wrong(name, 'a number with ms, s, m or h, such as 30s');
    return value;
  };
  return { problems, text, number, count, duration };
}

/** @type {Readonly<Record<string, number>>} */
const UNIT_MS = { ms: 1, s: 1000, m: 60000, h: 3600000 };
