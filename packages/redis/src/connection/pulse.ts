import { Histogram } from 'prom-client';

const probes = new Histogram({
  name: 'chat_redis_probe_seconds',
  help: 'Response times of Redis to the probes of this process, two per second and connection',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

/** Interval of the probes, in ms. */
const TICK_MS = 500;
/** Ticks without a good answer after which the server counts as away. */
const AWAY_TICKS = 2;
/** Ticks without any answer after which the connection is replaced. */
const RECONNECT_TICKS = 15;

/**
 * Monitors whether Redis responds to a client.
 *
 * node-redis has no time limit for a reply: when Redis hangs or the network drops packets, its promises wait for as
 * long as the connection exists, and a client that keeps writing also keeps the idle time-out of the socket from
 * firing. So a probe is sent every TICK_MS, and ticks without an answer are counted. Ticks, not time: a process that
 * was paused must not mistake its own pause for an outage of Redis.
 *
 *   answers ──AWAY_TICKS without a good answer──▶ away ──RECONNECT_TICKS without any answer──▶ reconnect
 *      ▲                                           │
 *      └────────────── a good answer ──────────────┘
 */
export function startPulse({ probe, isConnected, reconnect, isWrongServer }: PulseOptions): Pulse {
  const listeners: ((answers: boolean) => void)[] = [];
  let answers = true;
  let ticksWithoutAnswer = 0;
  let answeredSinceTick = true;
  let probing = false;
  let checkingServer = false;
  let stopped = false;
  const setAnswers = (value: boolean) => {
    if (answers === value) return;
    answers = value;
    for (const listener of listeners) listener(value);
  };
  const restart = () => {
    // The sentinels may respond after the client was closed.
    if (stopped) return;
    ticksWithoutAnswer = AWAY_TICKS;
    probing = false;
    reconnect();
  };
  const sendProbe = async () => {
    probing = true;
    const observe = probes.startTimer();
    const isGood = await probe().then(
      () => true,
      () => false,
    );
    probing = false;
    if (!isGood) return;
    observe();
    ticksWithoutAnswer = 0;
    answeredSinceTick = true;
    setAnswers(true);
  };
  const checkServer = async () => {
    checkingServer = true;
    const isWrong = await isWrongServer?.().catch(() => false);
    checkingServer = false;
    if (isWrong && ticksWithoutAnswer >= AWAY_TICKS) restart();
  };
  // Not `every` of runtime: a tick counts also while a probe is in progress.
  const timer = setInterval(() => {
    if (!answeredSinceTick) ticksWithoutAnswer++;
    answeredSinceTick = false;
    if (ticksWithoutAnswer >= AWAY_TICKS) setAnswers(false);
    if (ticksWithoutAnswer >= RECONNECT_TICKS && probing && isConnected()) restart();
    else if (ticksWithoutAnswer >= AWAY_TICKS && isWrongServer && !checkingServer) void checkServer();
    if (!probing && isConnected()) void sendProbe();
  }, TICK_MS);
  timer.unref();
  return {
    get answers() {
      return answers;
    },
    onChange: (listener) => void listeners.push(listener),
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

export interface PulseOptions {
  /** Resolves when Redis responds as it should; rejects when it is full, read-only or loading. */
  probe(): Promise<unknown>;
  isConnected(): boolean;
  /** Drops the connection and opens a new one. */
  reconnect(): void;
  /** Checked while the server is away: whether the connection leads to the wrong server (after a failover). */
  isWrongServer?(): Promise<boolean>;
}

export interface Pulse {
  /** False within 2 s after Redis has stopped responding; true again with its first answer. */
  readonly answers: boolean;
  /** Calls `listener` at each change. */
  onChange(listener: (answers: boolean) => void): void;
  stop(): void;
}
