// @ts-check

/**
 * Everything that can be set, with `-e NAME=value` or in the environment. `fallback`: the default, where a scenario has no
 * other one; without it the knob has to be set. Durations are numbers with ms, s, m or h.
 *
 * @satisfies {Record<string, { fallback?: string, about: string }>}
 */
export const KNOBS = {
  URL: {
    fallback: 'http://127.0.0.1:3000',
    about: 'the load balancer, or gateways with commas between, taken in turn',
  },
  JWT_SECRET: { about: 'the secret with which the application signs tokens (HS256)' },
  JWT_USER_CLAIM: { fallback: 'sub', about: 'the claim with the user id' },
  JWT_ISSUER: { fallback: '', about: 'the claim iss, where the cluster asks for one' },
  JWT_AUDIENCE: { fallback: '', about: 'the claim aud, where the cluster asks for one' },
  PAIRS: { fallback: '50', about: 'pairs of users, each with a conversation' },
  RECEIVERS: { fallback: '1', about: 'big-fan-in: users who are written to; each takes a VU with its senders' },
  SENDERS: { fallback: '100', about: 'big-fan-in: users who write to each receiver' },
  DEVICES: { fallback: '1', about: 'sockets of each user' },
  SOCKETS_PER_VU: { fallback: '100', about: 'sockets in one VU of k6, which is a JavaScript engine of its own' },
  CONNECT_RATE: { fallback: '100', about: 'new sockets a second at the start' },
  RATE: { fallback: '50', about: 'messages a second of the whole run' },
  ARRIVALS: {
    fallback: 'poisson',
    about: 'poisson: as many people write; even: the same gap between any two messages',
  },
  DURATION: { fallback: '1m', about: 'of the traffic, without connecting and warm-up' },
  WARMUP: { fallback: '5s', about: 'traffic before it, at the first rate, that no threshold looks at' },
  CONTENT_BYTES: { fallback: '64', about: 'characters in a message, 16 to 10000' },
  READ_RATIO: { fallback: '0.1', about: 'of the messages that a user hears: how many are followed by read_messages' },
  STEPS: { fallback: '5', about: 'ramp: steps up to RATE, each as long as any other' },
  SPIKE_FACTOR: { fallback: '5', about: 'spike: how many times RATE' },
  SPIKE_DURATION: { fallback: '10s', about: 'spike: how long' },
  CHURN: { fallback: '10m', about: 'soak: how long a connection lasts on average before it is cut; 0s: for ever' },
  STORM_AT: { fallback: '20s', about: 'reconnect-storm: when, after the warm-up' },
  STORM_FRACTION: {
    fallback: '1',
    about: 'reconnect-storm: of the sockets, how many are cut; 0 when you kill a gateway',
  },
  STORM_DURATION: { fallback: '20s', about: 'reconnect-storm: after which everything is to be as before' },
  ACK_TIMEOUT: { fallback: '10s', about: 'after which a message counts as unanswered' },
  DRAIN: { fallback: '10s', about: 'at the end: how long to wait for what is under way' },
  MAX_LOSS: { fallback: '0', about: 'threshold: share of acknowledged messages that a device never heard' },
  MAX_UNACKED: { fallback: '0.001', about: 'threshold: share of messages that were refused or not answered' },
  ACK_P95: { fallback: '250ms', about: 'threshold: 95 % of acks within' },
  ACK_P99: { fallback: '500ms', about: 'threshold: 99 % of acks within' },
  DELIVERY_P95: { fallback: '250ms', about: 'threshold: 95 % of deliveries within' },
  DELIVERY_P99: { fallback: '500ms', about: 'threshold: 99 % of deliveries within' },
  RECOVERY_P95: { fallback: '15s', about: 'threshold: 95 % of lost connections back and in sync within' },
  SUMMARY: { fallback: '', about: 'file for the results as JSON; default k6-<scenario>.json, none: no file' },
};

/**
 * @typedef {keyof typeof KNOBS} KnobName
 * @typedef {Readonly<Record<string, string | undefined>>} Environment
 */

/**
 * The knobs, read. Times ending in `Ms` are in milliseconds, rates in a second.
 *
 * @typedef {ReturnType<typeof readSettings>} Settings
 */

/**
 * Reads all knobs. Throws one error that names everything that is wrong.
 *
 * @param {Environment} env
 * @param {Partial<Record<KnobName, string>>} [defaults] of the scenario
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
  if (read.problems.length > 0)
    throw new Error(`Not as they should be (-e NAME=value):\n  ${read.problems.join('\n  ')}`);
  return settings;
}

/**
 * @param {Environment} env
 * @param {Partial<Record<KnobName, string>>} defaults
 */
function reader(env, defaults) {
  /** @type {string[]} */
  const problems = [];
  const raw = (/** @type {KnobName} */ name) => {
    /** @type {{ fallback?: string, about: string }} */
    const knob = KNOBS[name];
    return env[name] || defaults[name] || knob.fallback || '';
  };
  // The value of a secret is not for the screen.
  const wrong = (/** @type {KnobName} */ name, /** @type {string} */ wanted) => {
    problems.push(`${name} must be ${wanted}${raw(name) && name !== 'JWT_SECRET' ? `, not "${raw(name)}"` : ''}`);
  };
  const text = (/** @type {KnobName} */ name, form = /^/, example = '') => {
    if (!form.test(raw(name))) wrong(name, example);
    return raw(name);
  };
  const number = (/** @type {KnobName} */ name, /** @type {number} */ min, /** @type {number} */ max) => {
    const value = Number(raw(name));
    if (!(value >= min && value <= max)) wrong(name, `a number from ${min} to ${max}`);
    return value;
  };
  const count = (/** @type {KnobName} */ name) => {
    const value = number(name, 1, 1000000);
    if (value !== Math.floor(value)) wrong(name, 'a whole number');
    return value;
  };
  const duration = (/** @type {KnobName} */ name, min = 0) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(raw(name)) || [];
    const value = Number(amount) * (UNIT_MS[unit] || 0);
    if (!(value >= min)) wrong(name, 'a number with ms, s, m or h, such as 30s');
    return value;
  };
  return { problems, text, number, count, duration };
}

/** @type {Readonly<Record<string, number>>} */
const UNIT_MS = { ms: 1, s: 1000, m: 60000, h: 3600000 };
