import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '@chat-cluster/testkit';
import type { Finding } from './findings.ts';
import type { Input } from './input.ts';
import { Connections } from './invariants/connections.ts';
import { HonestUsers } from './invariants/honest-users.ts';
import { Processes } from './invariants/processes.ts';
import { sendInput } from './send-input.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  seed: string;
  inputs: Iterable<Input>;
  /** Inputs are sent for this time, in ms, or until there are no more. */
  durationMs: number;
  /** Multiplies all limits of time: more than 1 on a machine that other work slows down. */
  timeFactor?: number;
  /** Longest wait at the end for every connection to be closed, in ms. Default: only for those without a token. */
  keepMs?: number;
  signal?: AbortSignal;
}

export type FuzzReport = Awaited<ReturnType<typeof fuzz>>;

/** Inputs that are sent at the same time. */
const LANES = 6;
/** Pause of a lane after each input, in ms: the load of the inputs, not their number, must stay low. */
const PAUSE_MS = 20;
const CHECK_EVERY_MS = 200;
/** Inputs that are saved with a finding that has no single cause. */
const RECENT_INPUTS = 200;
const PRINTED_PROBLEMS = 5;
/** How long the connections without a token are awaited at the end, in ms. */
const SETTLE_MS = 12_500;

/**
 * Sends the inputs to the gateways of a cluster and checks its invariants meanwhile. A process that ends, or an honest
 * user who suffers, ends the run; a connection that is kept too long is a finding and the run continues.
 */
export async function fuzz(target: Target, options: FuzzOptions) {
  const { timeFactor = 1 } = options;
  await using honest = await HonestUsers.start(target, timeFactor);
  const processes = await Processes.start(target);
  const run = new Run(target, options, { honest, processes, connections: new Connections(timeFactor) });
  await run.execute();
  const { findings, sent, refused } = run;
  // Latencies of the honest users, in ms; NaN without a value.
  const p99 = { messagesMs: quantile(honest.messagesMs, 0.99), connectsMs: quantile(honest.connectsMs, 0.99) };
  return { findings, sent, refused, p99, grownMb: processes.grownMb, memory: processes.figures() };
}

interface Invariants {
  honest: HonestUsers;
  processes: Processes;
  connections: Connections;
}

class Run {
  readonly findings: Finding[] = [];
  sent = 0;
  /** Inputs whose connection the gateway refused. */
  refused = 0;
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #invariants: Invariants;
  readonly #inputs: Iterator<Input>;
  /** The last inputs, the most recent one last. */
  #recent: Input[] = [];
  #failed = false;

  constructor(target: Target, options: FuzzOptions, invariants: Invariants) {
    this.#target = target;
    this.#options = options;
    this.#invariants = invariants;
    this.#inputs = Iterator.from(options.inputs);
  }

  async execute(): Promise<void> {
    const { honest, processes, connections } = this.#invariants;
    const checking = setInterval(() => this.#check(), CHECK_EVERY_MS);
    try {
      const deadline = performance.now() + this.#options.durationMs;
      await Promise.all(Array.from({ length: LANES }, () => this.#sendUntil(deadline)));
      await this.#settle();
      this.#check();
      // The end of a process shows up a little later than the ends of its connections.
      if (this.#failed) await delay(2 * CHECK_EVERY_MS);
      connections.closeAll();
      const problems = [...this.#fatalProblems(), ...honest.slowness(), ...(await processes.leaks())];
      if (problems.length > 0) this.#report(problems.slice(0, PRINTED_PROBLEMS).join('; '), this.#recent);
    } finally {
      clearInterval(checking);
      connections.closeAll();
      await processes.stop();
    }
  }

  async #sendUntil(deadline: number): Promise<void> {
    const { ports } = this.#target;
    while (performance.now() < deadline && !this.#isOver) {
      const { value: input, done } = this.#inputs.next();
      if (done) return;
      this.#recent.push(input);
      if (this.#recent.length > RECENT_INPUTS) this.#recent.shift();
      await sendInput(input, ports[this.sent++ % ports.length] ?? 0, this.#target).then(
        (raw) => this.#invariants.connections.watch(input, raw),
        (error: Error) => {
          if (error instanceof RangeError) throw error;
          this.refused++;
        },
      );
      await delay(PAUSE_MS);
    }
  }

  /** Waits for the connections that must be closed soon, or for all of them during `keepMs`. */
  async #settle(): Promise<void> {
    const { connections } = this.#invariants;
    const { keepMs = 0, timeFactor = 1 } = this.#options;
    const started = performance.now();
    const isSettled = () => {
      const waitedMs = performance.now() - started;
      if (waitedMs < keepMs) return connections.count === 0;
      return waitedMs > SETTLE_MS * timeFactor || connections.unauthenticated === 0;
    };
    while (!isSettled() && !this.#isOver) await delay(CHECK_EVERY_MS);
  }

  #check(): void {
    for (const { input, problem } of this.#invariants.connections.overdue()) {
      const isKnown = this.findings.some(({ inputs }) => inputs.at(-1)?.generator === input.generator);
      if (!isKnown) this.#report(problem, [input]);
    }
    if (this.#fatalProblems().length > 0) this.#failed = true;
  }

  #fatalProblems(): string[] {
    const { honest, processes } = this.#invariants;
    return [...processes.problems(), ...honest.problems, ...processes.growth()];
  }

  #report(problem: string, inputs: readonly Input[]): void {
    this.findings.push({ mode: this.#target.mode, seed: this.#options.seed, problem, inputs: [...inputs] });
  }

  get #isOver(): boolean {
    return this.#failed || this.#options.signal?.aborted === true;
  }
}
