import { Histogram } from 'prom-client';

const probes = new Histogram({
  name: 'chat_redis_probe_seconds',
  help: 'Response times of Redis to the probes of this process, two per second and connection',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

/** Interval of the probes, in ms. */
const TICK_MS = 500;
/** Ticks without a successful probe after which the server counts as away. */
const AWAY_TICKS = 2;
/** Ticks without any answer after which the connection is replaced. */
const RECONNECT_TICKS = 15;

/**
 * Monitors whether Redis responds to a client.
 *
 * node-redis has no time limit for a reply: when Redis hangs or the network drops packets, its promises wait for as
 * long as the connection exists, and a client that keeps writing also keeps the idle time-out of the socket from
 * firing. So a probe is sent every TICK_MS, and ticks without an answer are counted. Ticks are counted instead of time,
 * so that a pause of the process does not count as an outage.
 *
 *   answers ──AWAY_TICKS without a good answer──▶ away ──RECONNECT_TICKS without any answer──▶ reconnect
 *      ▲                                           │
 *      └────────────── a good answer ──────────────┘
 */
export class Pulse {
  #options: PulseOptions;
  #listeners: ((answers: boolean) => void)[] = [];
  #answers = true;
  /** Ticks since the last good answer. */
  #ticksWithoutAnswer = 0;
  /** Ticks since the probe in progress was sent. */
  #silentTicks = 0;
  #answeredSinceTick = true;
  #probing = false;
  #checkingServer = false;
  #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(options: PulseOptions) {
    this.#options = options;
    // Not `every` of runtime: a tick counts also while a probe is in progress.
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** False within 2 s after Redis has stopped responding or become a replica; true again with its first good answer. */
  get answers(): boolean {
    return this.#answers;
  }

  /** Calls `listener` at each change of `answers`. */
  onChange(listener: (answers: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Probes now, unless a probe is in progress. */
  now(): void {
    if (!this.#stopped && !this.#probing && this.#options.isConnected()) void this.#probe();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { isConnected, isWrongServer } = this.#options;
    if (!this.#answeredSinceTick) this.#ticksWithoutAnswer++;
    this.#answeredSinceTick = false;
    const isAway = this.#ticksWithoutAnswer >= AWAY_TICKS;
    if (isAway) this.#setAnswers(false);
    this.#silentTicks = this.#probing ? this.#silentTicks + 1 : 0;
    if (this.#silentTicks >= RECONNECT_TICKS && isConnected()) this.#reconnect();
    else if (isAway && isWrongServer && !this.#checkingServer) void this.#checkServer(isWrongServer);
    this.now();
  }

  async #probe(): Promise<void> {
    this.#probing = true;
    this.#silentTicks = 0;
    const observe = probes.startTimer();
    let failure: unknown;
    const isGood = await this.#options.probe().then(
      () => true,
      (error: unknown) => {
        failure = error;
        return false;
      },
    );
    this.#probing = false;
    if (!isGood) {
      if (this.#options.isRefusal(failure)) this.#setAnswers(false);
      return;
    }
    observe();
    this.#ticksWithoutAnswer = 0;
    this.#answeredSinceTick = true;
    this.#setAnswers(true);
  }

  async #checkServer(isWrongServer: () => Promise<boolean>): Promise<void> {
    this.#checkingServer = true;
    const isWrong = await isWrongServer().catch(() => false);
    this.#checkingServer = false;
    if (isWrong && this.#ticksWithoutAnswer >= AWAY_TICKS) this.#reconnect();
  }

  #reconnect(): void {
    // The sentinels may respond after the client was closed.
    if (this.#stopped) return;
    this.#probing = false;
    this.#options.reconnect();
  }

  #setAnswers(value: boolean): void {
    if (this.#answers === value) return;
    this.#answers = value;
    for (const listener of this.#listeners) listener(value);
  }
}

export interface PulseOptions {
  /** Resolves when Redis responds as it should; rejects when it is full, a replica or loading. */
  probe(): Promise<unknown>;
  /** Whether a rejection of `probe` shows at once, without a second one, that the server is of no use. */
  isRefusal(error: unknown): boolean;
  isConnected(): boolean;
  /** Drops the connection and opens a new one. */
  reconnect(): void;
  /** Checked while the server is away: whether the connection leads to the wrong server (after a failover). */
  isWrongServer?(): Promise<boolean>;
}
