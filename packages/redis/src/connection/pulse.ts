import { Histogram } from 'prom-client';

/**
 * Whether Redis answers a client, asked all the time.
 *
 * node-redis has no time limit for a reply: when Redis hangs, or the network swallows packets, its promises wait for as
 * long as the connection lives, and a client that goes on writing keeps even the socket's idle time-out from firing. So
 * every client is probed each TICK_MS, and ticks without an answer are counted (ticks, not time: a process that was
 * paused must not take its own pause for one of Redis).
 *
 *   answers ──LOST ticks without a good answer──▶ lost ──CUT ticks without any answer──▶ its connection is made anew
 *      ▲                                            │
 *      └─────────────── a good answer ──────────────┘
 */
export interface Pulse {
  /** False within 2 s after Redis stopped answering; true again with its first answer. */
  readonly answers: boolean;
  /** Calls `listener` at each change. */
  onChange(listener: (answers: boolean) => void): void;
  stop(): void;
}

export interface PulseOptions {
  /** Resolves when Redis answers as it should; rejects when it answers that it is full, read-only or loading. */
  probe(): Promise<unknown>;
  isConnected(): boolean;
  /** Drops the connection and makes a new one. */
  cut(): void;
  /** While lost: whether the connection leads to the wrong server by now (a failover), so that it is cut at once. */
  isAstray?(): Promise<boolean>;
}

const probes = new Histogram({
  name: 'chat_redis_probe_seconds',
  help: 'Answers of Redis to the probes of this process, twice a second for each connection',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

const TICK_MS = 500;
const LOST = 2;
const CUT = 15;

export function startPulse({ probe, isConnected, cut, isAstray }: PulseOptions): Pulse {
  const listeners: ((answers: boolean) => void)[] = [];
  let answers = true;
  let missed = 0;
  let answered = true;
  let waiting = false;
  let asking = false;
  let stopped = false;
  const change = (now: boolean) => {
    if (answers === now) return;
    answers = now;
    for (const listener of listeners) listener(now);
  };
  const restart = () => {
    // An answer of the sentinels may come after the client was closed for good.
    if (stopped) return;
    missed = LOST;
    waiting = false;
    cut();
  };
  const ask = () => {
    waiting = true;
    const observe = probes.startTimer();
    probe()
      .then(
        () => {
          observe();
          missed = 0;
          answered = true;
          change(true);
        },
        () => {},
      )
      .finally(() => {
        waiting = false;
      });
  };
  const timer = setInterval(() => {
    if (!answered) missed++;
    answered = false;
    if (missed >= LOST) change(false);
    if (missed >= CUT && waiting && isConnected()) restart();
    else if (missed >= LOST && isAstray && !asking) {
      asking = true;
      isAstray()
        .then((astray) => astray && missed >= LOST && restart())
        .catch(() => {})
        .finally(() => {
          asking = false;
        });
    }
    if (!waiting && isConnected()) ask();
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
